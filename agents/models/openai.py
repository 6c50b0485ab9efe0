"""Models behind OpenAI's chat completions, or behind any server that speaks them, by the official SDK."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from aarlab.agents.models import plain_text_tools
from aarlab.agents.models.base import ModelSettings, Reply, Request, TransientError
from aarlab.agents.models.decoding import parse_arguments, replace_surrogates
from aarlab.agents.models.provider_errors import MalformedResponse, translate_errors
from aarlab.memory.messages import Block, Conversation, Json, Message, Text, Thinking, ToolCall, Usage, canonical_json

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_KEY = "OPENAI_API_KEY"
_CONNECT_S = 20.0
_STOP_REASONS = {
    "stop": "end_turn", "tool_calls": "tool_use", "function_call": "tool_use", "length": "max_tokens",
    "content_filter": "refusal",
}  # fmt: skip


class ChatCompletionsModel:
    """A model that is asked by chat completions, as one agent's base model."""

    def __init__(self, model: str, settings: ModelSettings) -> None:
        """Take the model's id as the server has it, and how to ask it."""
        self._model, self._settings = model, settings
        self._sdk_client: AsyncOpenAI | None = None

    async def reply(self, request: Request) -> Reply:
        """Answer the request.

        Raises:
            TransientError: This time there is no answer, for a reason that passes.
            ModelError: There is no answer to be had.
        """
        import openai

        draft = _PartialReply(self._model)
        with translate_errors(
            openai, model=f"openai/{self._model}", key=_KEY, usage_so_far=lambda: draft.usage or Usage()
        ):
            async with asyncio.timeout(self._settings.timeout_s):
                client = self._client()
                payload = request_body(
                    request, self._model, self._settings, custom_server=_is_custom_server(self._settings)
                )
                stream: Any = await client.chat.completions.create(**payload)
                async with stream:
                    async for chunk in stream:
                        draft.add(chunk)
        return draft.reply(request.conversation, text_tools=self._settings.text_tools)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._sdk_client is not None:
            await self._sdk_client.close()

    def _client(self) -> "AsyncOpenAI":
        if self._sdk_client is None:
            import httpx2
            import openai

            # A server of one's own may do without a key, but the SDK does not.
            key = os.environ.get(_KEY) or ("none" if _is_custom_server(self._settings) else None)
            self._sdk_client = openai.AsyncOpenAI(
                api_key=key,
                base_url=self._settings.base_url,
                # Whoever opened this asks again; see `retry`.
                max_retries=0,
                timeout=httpx2.Timeout(self._settings.timeout_s, connect=_CONNECT_S),
            )
        return self._sdk_client


def _is_custom_server(settings: ModelSettings) -> bool:
    """Tell whether it is another server than OpenAI's."""
    return bool(settings.base_url or os.environ.get("OPENAI_BASE_URL"))


def request_body(request: Request, model: str, settings: ModelSettings, *, custom_server: bool) -> dict[str, Any]:
    """Return what is sent. Another server than OpenAI's, `custom_server`, may know only the older name of the limit."""
    conversation = request.conversation
    system, messages = conversation.system, wire_messages(conversation.messages)
    if settings.text_tools:
        system = "\n\n".join(part for part in (system, plain_text_tools.tool_listing(request.tools)) if part)
        messages = text_messages(conversation.messages)
    payload: dict[str, Any] = {
        "model": model,
        "messages": [*([{"role": "system", "content": system}] if system else []), *messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens" if custom_server else "max_completion_tokens": settings.max_tokens,
    }
    if request.tools and not settings.text_tools:
        payload["tools"] = [
            {
                "type": "function",
                "function": {"name": t.name, "description": t.description, "parameters": dict(t.schema)},
            }
            for t in request.tools
        ]
    if settings.effort is not None:
        payload["reasoning_effort"] = settings.effort
    return payload


def wire_messages(messages: Sequence[Message]) -> list[dict[str, Json]]:
    """Return the messages as the API takes them: each result of a tool is one, thinking is left out."""
    listed: list[dict[str, Json]] = []
    for message in messages:
        listed += [
            {"role": "tool", "tool_call_id": result.tool_call_id, "content": result.content}
            for result in message.tool_results
        ]
        uses = [_call_json(use) for use in message.tool_calls]
        if uses or message.text.strip():
            wire_message: dict[str, Json] = {"role": message.speaker, "content": message.text or None}
            listed.append({**wire_message, "tool_calls": uses} if uses else wire_message)
    return listed


def _call_json(use: ToolCall) -> Json:
    function = {"name": use.name, "arguments": canonical_json(dict(use.arguments))}
    return {"id": use.id, "type": "function", "function": function}


def text_messages(messages: Sequence[Message]) -> list[dict[str, Json]]:
    """Return the messages with tools in plain text."""
    names: dict[str, str] = {}
    listed = [
        {"role": message.speaker, "content": plain_text_tools.message_text(message, names)} for message in messages
    ]
    return [message for message in listed if message["content"]]


@dataclass(slots=True)
class _Call:
    """A tool call while it arrives."""

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class _PartialReply:
    """An answer while it arrives."""

    model: str
    stop_reason: str | None = None
    text: str = ""
    refusal: str = ""
    thinking: str = ""
    calls: dict[int, _Call] = field(default_factory=dict)
    usage: Usage | None = None
    """What the call took; None until the server says."""

    def add(self, chunk: Any) -> None:
        """Take in the next chunk. Raises MalformedResponse if it makes no sense."""
        try:
            self.model = chunk.model or self.model
            if chunk.usage is not None:
                self.usage = _usage(chunk.usage)
            for choice in chunk.choices or ():
                self._add(choice.delta)
                if choice.finish_reason is not None:
                    self.stop_reason = _STOP_REASONS.get(choice.finish_reason, choice.finish_reason)
        except (AttributeError, KeyError, TypeError) as error:
            raise MalformedResponse(f"{type(error).__name__} in a chunk of the stream: {error}") from None

    def reply(self, conversation: Conversation, *, text_tools: bool) -> Reply:
        """Return the whole answer to a conversation.

        Raises:
            TransientError: The stream ended before the answer did, or before it said what the answer took.
        """
        if self.stop_reason is None:
            raise TransientError("the stream ended early", usage=self.usage)
        if self.usage is None:
            raise TransientError("the stream ended without the usage (stream_options.include_usage), which is needed")
        text = replace_surrogates(self.text or self.refusal)
        text_blocks: list[Block] = [Text(text)] if text else []
        if text_tools:
            text_blocks = plain_text_tools.parse_blocks(
                text, last_number=plain_text_tools.last_call_number(conversation.messages)
            )
        thinking_blocks: list[Block] = [Thinking(replace_surrogates(self.thinking))] if self.thinking else []
        blocks = [*thinking_blocks, *text_blocks, *self._unique_tool_calls(conversation)]
        reason = "refusal" if self.refusal else self.stop_reason
        if reason == "refusal":
            # What was refused must not be done, and a use of a tool without a result is not taken back.
            blocks = [block for block in blocks if not isinstance(block, ToolCall)]
        elif reason == "end_turn" and any(isinstance(block, ToolCall) for block in blocks):
            reason = "tool_use"
        return Reply(Message("assistant", tuple(blocks)), reason, self.usage, self.model, cost_usd=None)

    def _unique_tool_calls(self, conversation: Conversation) -> list[Block]:
        """Return the uses of tools. Some servers count from 0 in each answer, or give no ids; then they get others."""
        used_ids = {use.id for message in conversation.messages for use in message.tool_calls}
        uses: list[Block] = []
        for index in sorted(self.calls):
            call = self.calls[index]
            # Of a conversation that has been compacted some are gone, and their numbers with them.
            free = (f"call-{number}" for number in count(len(used_ids) + 1) if f"call-{number}" not in used_ids)
            key = call.id if call.id and call.id not in used_ids else next(free)
            used_ids.add(key)
            uses.append(ToolCall(key, call.name, parse_arguments(call.arguments)))
        return uses

    def _add(self, delta: Any) -> None:
        self.text += delta.content or ""
        self.refusal += delta.refusal or ""
        # Two names for the same, neither in the standard.
        self.thinking += getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None) or ""
        for part in delta.tool_calls or ():
            call = self.calls.setdefault(part.index, _Call())
            call.id = part.id or call.id
            if part.function is not None:
                call.name = part.function.name or call.name
                call.arguments += part.function.arguments or ""


def _usage(reported: Any) -> Usage:
    details = getattr(reported, "prompt_tokens_details", None)
    cached = getattr(details, "cached_tokens", None) or 0
    return Usage(reported.prompt_tokens, reported.completion_tokens, cached)
