"""Models behind OpenAI's chat completions API, or behind any server that implements it, through the official SDK."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aarlab.agents.models import plain_text_tools
from aarlab.agents.models.base import ModelSettings, Reply, Request, TransientError
from aarlab.agents.models.decoding import parse_arguments, replace_surrogates
from aarlab.agents.models.provider_errors import reading_stream
from aarlab.agents.models.sdk_model import KnownUsage, SdkModel, finished_reply
from aarlab.agents.models.wire_names import with_safe_names, with_unique_ids
from aarlab.memory.messages import Block, Conversation, Json, Message, Text, Thinking, ToolCall, Usage, canonical_json

_STOP_REASONS = {
    "stop": "end_turn", "tool_calls": "tool_use", "function_call": "tool_use", "length": "max_tokens",
    "content_filter": "refusal",
}  # fmt: skip


class ChatCompletionsModel(SdkModel):
    """A model behind the chat completions API, as one agent's base model."""

    sdk_name = "openai"
    key_variable = "OPENAI_API_KEY"

    def _open_client(self, **options: Any) -> Any:
        import openai

        # The SDK requires a key; a custom server may not.
        key = os.environ.get(self.key_variable) or ("none" if _is_custom_server(self._settings) else None)
        return openai.AsyncOpenAI(api_key=key, **options)

    async def _stream_reply(self, request: Request, known: KnownUsage) -> Reply:
        partial = _PartialReply(self._model)
        body = request_body(request, self._model, self._settings, custom_server=_is_custom_server(self._settings))
        async with await self._client().chat.completions.create(**body) as stream:
            with reading_stream():
                async for chunk in stream:
                    partial.add(chunk)
                    known.usage = partial.usage or known.usage
        return partial.reply(request.conversation, text_tools=self._settings.text_tools)


def _is_custom_server(settings: ModelSettings) -> bool:
    """Return whether the server is not OpenAI's."""
    return bool(settings.base_url or os.environ.get("OPENAI_BASE_URL"))


def request_body(request: Request, model: str, settings: ModelSettings, *, custom_server: bool) -> dict[str, Any]:
    """Return the arguments of the API call. A custom server may know only the older name of the token limit."""
    conversation = request.conversation
    system, messages = conversation.system, wire_messages(with_safe_names(conversation.messages))
    if settings.text_tools:
        system = "\n\n".join(part for part in (system, plain_text_tools.tool_listing(request.tools)) if part)
        messages = text_messages(conversation.messages)
    body: dict[str, Any] = {
        "model": model,
        "messages": [*([{"role": "system", "content": system}] if system else []), *messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens" if custom_server else "max_completion_tokens": settings.max_tokens,
    }
    if request.tools and not settings.text_tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": t.name, "description": t.description, "parameters": dict(t.schema)},
            }
            for t in request.tools
        ]
    if settings.effort is not None:
        body["reasoning_effort"] = settings.effort
    return body


def wire_messages(messages: Sequence[Message]) -> list[dict[str, Json]]:
    """Return the messages in the API's format: one message for each tool result, and no thinking."""
    wire: list[dict[str, Json]] = []
    for message in messages:
        wire += [
            {"role": "tool", "tool_call_id": result.tool_call_id, "content": result.content}
            for result in message.tool_results
        ]
        calls = [_call_json(call) for call in message.tool_calls]
        if calls or message.text.strip():
            wire_message: dict[str, Json] = {"role": message.speaker, "content": message.text or None}
            wire.append({**wire_message, "tool_calls": calls} if calls else wire_message)
    return wire


def _call_json(call: ToolCall) -> Json:
    function = {"name": call.name, "arguments": canonical_json(dict(call.arguments))}
    return {"id": call.id, "type": "function", "function": function}


def text_messages(messages: Sequence[Message]) -> list[dict[str, Json]]:
    """Return the messages with tool calls and results in plain text."""
    names: dict[str, str] = {}
    wire = [{"role": message.speaker, "content": plain_text_tools.message_text(message, names)} for message in messages]
    return [message for message in wire if message["content"]]


@dataclass(slots=True)
class _PartialCall:
    """A tool call during streaming."""

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class _PartialReply:
    """A reply during streaming."""

    model: str
    stop_reason: str | None = None
    text: str = ""
    refusal: str = ""
    thinking: str = ""
    calls: dict[int, _PartialCall] = field(default_factory=dict)
    usage: Usage | None = None
    """None until the server reports it."""

    def add(self, chunk: Any) -> None:
        """Add the next chunk of the stream."""
        self.model = chunk.model or self.model
        if chunk.usage is not None:
            self.usage = _usage(chunk.usage)
        for choice in chunk.choices or ():
            self._add_delta(choice.delta)
            if choice.finish_reason is not None:
                self.stop_reason = _STOP_REASONS.get(choice.finish_reason, choice.finish_reason)

    def reply(self, conversation: Conversation, *, text_tools: bool) -> Reply:
        """Return the complete reply to a conversation.

        Raises:
            TransientError: The stream ended before the reply was complete, or before the usage was reported.
        """
        if self.stop_reason is None:
            raise TransientError("the stream ended early", usage=self.usage)
        if self.usage is None:
            raise TransientError("the stream ended without the usage (stream_options.include_usage), which is needed")
        text = replace_surrogates(self.text or self.refusal)
        text_blocks: list[Block] = [Text(text)] if text else []
        if text_tools:
            last_number = plain_text_tools.last_call_number(conversation.messages)
            text_blocks = plain_text_tools.parse_blocks(text, last_number=last_number)
        thinking_blocks: list[Block] = [Thinking(replace_surrogates(self.thinking))] if self.thinking else []
        calls = [
            ToolCall(call.id, call.name, parse_arguments(call.arguments)) for _, call in sorted(self.calls.items())
        ]
        blocks = [*thinking_blocks, *text_blocks, *with_unique_ids(calls, conversation.messages)]
        stop_reason = "refusal" if self.refusal else self.stop_reason
        if stop_reason == "end_turn" and any(isinstance(block, ToolCall) for block in blocks):
            stop_reason = "tool_use"
        return finished_reply(blocks, stop_reason, self.usage, self.model)

    def _add_delta(self, delta: Any) -> None:
        self.text += delta.content or ""
        self.refusal += delta.refusal or ""
        # Servers use two names for thinking; neither is in OpenAI's API.
        self.thinking += getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None) or ""
        for part in delta.tool_calls or ():
            call = self.calls.setdefault(part.index, _PartialCall())
            call.id = part.id or call.id
            if part.function is not None:
                call.name = part.function.name or call.name
                call.arguments += part.function.arguments or ""


def _usage(reported: Any) -> Usage:
    details = getattr(reported, "prompt_tokens_details", None)
    cached = getattr(details, "cached_tokens", None) or 0
    return Usage(reported.prompt_tokens, reported.completion_tokens, cached)
