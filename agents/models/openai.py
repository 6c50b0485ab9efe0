"""Models behind OpenAI's chat completions API, or behind any server that implements it, through the official SDK."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

from aarlab.agents.models import plain_text_tools, schema_tools
from aarlab.agents.models.addresses import custom_address
from aarlab.agents.models.api_keys import read_key
from aarlab.agents.models.base import ModelSettings, Reply, Request
from aarlab.agents.models.chat_reply import PartialReply
from aarlab.agents.models.outside.agent_transcript import TRANSCRIPT
from aarlab.agents.models.provider_errors import reading_stream
from aarlab.agents.models.request_settings import RequestSettings, server_settings
from aarlab.agents.models.sdk_model import KnownUsage, SdkModel
from aarlab.agents.models.wire_names import original_id, safe_id, short_id, with_safe_names
from aarlab.memory.messages import Json, Message, Thinking, ToolCall, canonical_json

_TEXT_FORMS = {"text": plain_text_tools, "schema": schema_tools}
"""Modules for tool calls that are not native."""
_ID_FORMS = {"safe": safe_id, "short": short_id, "original": original_id}


class ChatCompletionsModel(SdkModel):
    """A model behind the chat completions API, as one agent's base model."""

    sdk_name = provider = "openai"
    key_variable = "OPENAI_API_KEY"

    def _open_client(self, **options: Any) -> Any:
        import openai

        # The SDK requires a key; a custom server may not.
        key = read_key(self.key_variable) or ("none" if self._server_address() else None)
        organisation, project = read_key("OPENAI_ORG_ID"), read_key("OPENAI_PROJECT_ID")
        return openai.AsyncOpenAI(api_key=key, organization=organisation, project=project, **options)

    def _server_address(self) -> str | None:
        """Return the address that determines the form of requests; None: OpenAI's own."""
        return custom_address(self.provider, self._settings.base_url)

    async def _receive_reply(self, request: Request, known: KnownUsage) -> Reply:
        settings = server_settings(self._server_address(), self._settings.request)
        partial = PartialReply(self._model, output_from_total=bool(settings.output_from_total))
        body = request_body(request, self._model, self._settings, settings)
        # Closed at once after an error, and not when it is collected: it holds a connection.
        async with aclosing(self._responses("/chat/completions", body, settings)) as chunks:
            async for chunk in chunks:
                with reading_stream():
                    partial.add(chunk)
                known.usage = partial.usage or known.usage
        return partial.reply(request.conversation, tools=settings.tools or "native")


def request_body(request: Request, model: str, settings: ModelSettings, form: RequestSettings) -> dict[str, Any]:
    """Return the JSON of the API call, in the form that the server accepts."""
    conversation = request.conversation
    system, messages = conversation.system, conversation.messages
    if text_form := _TEXT_FORMS.get(form.tools or "native"):
        system = "\n\n".join(part for part in (system, text_form.tool_listing(request.tools)) if part)
        wire = text_messages(messages, text_form.message_text)
    else:
        wire = wire_messages(with_safe_names(messages, _ID_FORMS[form.tool_call_ids or "safe"]), form)
    body: dict[str, Any] = {"model": model, "messages": _with_system(system, wire, form), "stream": bool(form.stream)}
    if form.stream and form.stream_usage:
        body["stream_options"] = {"include_usage": True}
    if form.token_limit != "none":
        body[form.token_limit or "max_tokens"] = settings.max_tokens
    if request.tools and form.tools == "schema":
        body["response_format"] = schema_tools.response_format(request.tools, settings.max_tokens)
    if request.tools and not text_form:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": t.name, "description": t.description, "parameters": dict(t.schema)},
            }
            for t in request.tools
        ]
    if settings.effort is not None:
        body["reasoning_effort"] = settings.effort
    return {**body, **form.body}


def _with_system(system: str, wire: list[dict[str, Json]], form: RequestSettings) -> list[dict[str, Json]]:
    if not system:
        return wire
    if form.system_role != "user":
        return [{"role": form.system_role or "system", "content": system}, *wire]
    if wire and wire[0]["role"] == "user":
        return [{**wire[0], "content": f"{system}\n\n{wire[0]['content']}"}, *wire[1:]]
    return [{"role": "user", "content": system}, *wire]


def wire_messages(messages: Sequence[Message], form: RequestSettings) -> list[dict[str, Json]]:
    """Return the messages in the API's format: one for each tool result, with reasoning if the server wants it."""
    wire: list[dict[str, Json]] = []
    for message in messages:
        wire += [
            {"role": "tool", "tool_call_id": result.tool_call_id, "content": result.content}
            for result in message.tool_results
        ]
        calls = [_call_json(call, form) for call in message.tool_calls]
        if calls or message.text.strip():
            wire_message = {"role": message.speaker, "content": message.text or None, **_reasoning(message, form)}
            wire.append({**wire_message, "tool_calls": calls} if calls else wire_message)
    return wire


def _call_json(call: ToolCall, form: RequestSettings) -> Json:
    function = {"name": call.name, "arguments": canonical_json(dict(call.arguments))}
    extra = call.extra if form.tool_call_extras else {}
    return {**extra, "id": call.id, "type": "function", "function": function}


def _reasoning(message: Message, form: RequestSettings) -> dict[str, Json]:
    """Return the reasoning of a reply as the server wants it back; signed reasoning is that of another provider."""
    thoughts = [
        block
        for block in message.blocks
        if isinstance(block, Thinking) and not block.signature and TRANSCRIPT not in block.extra
    ]
    match form.reasoning:
        case "reasoning_content" | "reasoning" as name:
            text = "\n".join(block.text for block in thoughts)
            # Kimi rejects tool calls without reasoning, as a conversation with another model has them.
            return {name: text or " "} if text or message.tool_calls else {}
        case "reasoning_details" as name:
            details = [detail for block in thoughts for detail in block.extra.get(name, ())]
            return {name: details} if details else {}
        case _:
            return {}


def text_messages(
    messages: Sequence[Message], message_text: Callable[[Message, dict[str, str]], str]
) -> list[dict[str, Json]]:
    """Return the messages with tool calls and results in plain text, as `message_text` writes them."""
    names: dict[str, str] = {}
    wire = [{"role": message.speaker, "content": message_text(message, names)} for message in messages]
    return [message for message in wire if message["content"]]
