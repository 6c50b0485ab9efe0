"""Claude, by the official SDK: streamed, its prefix cached, its thinking kept."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aarlab.agents.models.base import ModelSettings, Reply, Request, TransientError
from aarlab.agents.models.decoding import parse_arguments, replace_surrogates
from aarlab.agents.models.provider_errors import MalformedResponse, translate_errors
from aarlab.memory.messages import (
    Block,
    Json,
    Message,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
    Usage,
)

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

_KEY = "ANTHROPIC_API_KEY"
_CACHED: Json = {"type": "ephemeral"}
_CONNECT_S = 20.0
_COUNT_S = 20.0
_COUNTED_FIELDS = ("model", "messages", "system", "tools", "thinking")
"""What of a request has a say in its tokens."""


class Claude:
    """A Claude model, as one agent's base model."""

    def __init__(self, model: str, settings: ModelSettings) -> None:
        """Take the model's id as the API has it, and how to ask it."""
        self._model, self._settings = model, settings
        self._sdk_client: AsyncAnthropic | None = None

    async def reply(self, request: Request) -> Reply:
        """Answer the request.

        Raises:
            TransientError: This time there is no answer, for a reason that passes.
            ModelError: There is no answer to be had.
        """
        import anthropic

        draft = _PartialReply()
        with translate_errors(anthropic, model=f"anthropic/{self._model}", key=_KEY, usage_so_far=lambda: draft.usage):
            async with asyncio.timeout(self._settings.timeout_s):
                stream: Any = await self._client().messages.create(**request_body(request, self._model, self._settings))
                async with stream:
                    async for event in stream:
                        draft.add(event)
        return draft.reply()

    async def count_tokens(self, request: Request) -> int:
        """Return the tokens of a request, as the API counts them. Raises ModelError if it does not."""
        import anthropic

        payload = {
            name: value
            for name, value in request_body(request, self._model, self._settings).items()
            if name in _COUNTED_FIELDS
        }
        with translate_errors(anthropic, model=f"anthropic/{self._model}", key=_KEY, usage_so_far=Usage):
            async with asyncio.timeout(_COUNT_S):
                counted = await self._client().messages.count_tokens(**payload)
        return counted.input_tokens

    async def aclose(self) -> None:
        """Close the connections."""
        if self._sdk_client is not None:
            await self._sdk_client.close()

    def _client(self) -> "AsyncAnthropic":
        if self._sdk_client is None:
            import anthropic
            import httpx2

            self._sdk_client = anthropic.AsyncAnthropic(
                api_key=os.environ.get(_KEY),
                base_url=self._settings.base_url,
                # Whoever opened this asks again; see `retry`.
                max_retries=0,
                timeout=httpx2.Timeout(self._settings.timeout_s, connect=_CONNECT_S),
            )
        return self._sdk_client


def request_body(request: Request, model: str, settings: ModelSettings) -> dict[str, Any]:
    """Return what is sent.

    The provider caches the longest prefix that it has seen before, up to a mark: tools and system prompt are one, what
    was said until the last turn is another, the last turn is the next one's.
    """
    system = request.conversation.system
    messages = wire_messages(request.conversation.messages)
    for message in [message for message in messages if message["role"] == "user"][-2:]:
        message["content"][-1] = {**message["content"][-1], "cache_control": _CACHED}
    payload: dict[str, Any] = {
        "model": model,
        "max_tokens": settings.max_tokens,
        "messages": messages,
        "tools": [tool.to_json() for tool in request.tools],
        "stream": True,
    }
    if system:
        payload["system"] = [{"type": "text", "text": system, "cache_control": _CACHED}]
    if settings.effort is not None:
        payload["output_config"] = {"effort": settings.effort}
    if settings.thinking == "adaptive":
        payload["thinking"] = {"type": "adaptive"}
    elif settings.thinking != "default":
        payload["thinking"] = {"type": "enabled", "budget_tokens": settings.thinking}
    return payload


def wire_messages(messages: Sequence[Message]) -> list[dict[str, Json]]:
    """Return the messages as the API takes them: without what is empty, and without thinking that nobody has sealed."""
    listed = []
    for message in messages:
        blocks = [block for block in message.blocks if _is_sendable(block)]
        # Thinking alone is not an answer, and the API does not take it for one.
        if any(not isinstance(block, Thinking | RedactedThinking) for block in blocks):
            listed.append({"role": message.speaker, "content": [block.to_json() for block in blocks]})
    return listed


def _is_sendable(block: Block) -> bool:
    match block:
        case Text(text=text):
            return bool(text.strip())
        case Thinking(signature=signature):
            return bool(signature)
        case _:
            return True


@dataclass(slots=True)
class _PartialBlock:
    """A content block while it arrives."""

    kind: str
    text: str = ""
    signature: str = ""
    id: str = ""
    name: str = ""

    def block(self) -> Block:
        match self.kind:
            case "thinking":
                return Thinking(replace_surrogates(self.text), self.signature)
            case "redacted_thinking":
                return RedactedThinking(self.text)
            case "tool_use":
                return ToolCall(self.id, self.name, parse_arguments(self.text))
            case _:
                return Text(replace_surrogates(self.text))


@dataclass(slots=True)
class _PartialReply:
    """An answer while it arrives."""

    model: str = ""
    stop_reason: str | None = None
    parts: dict[int, _PartialBlock] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    """Tokens, by the names that the API gives them."""

    @property
    def usage(self) -> Usage:
        """What the call is known to have taken."""
        read, written = (self.counts.get(f"cache_{kind}_input_tokens", 0) for kind in ("read", "creation"))
        plain, output = (self.counts.get(f"{way}_tokens", 0) for way in ("input", "output"))
        return Usage(plain + read + written, output, read, written)

    def add(self, event: Any) -> None:
        """Take in the next event. Raises MalformedResponse if it makes no sense."""
        try:
            match event.type:
                case "message_start":
                    self.model = event.message.model
                    self._count(event.message.usage)
                case "content_block_start":
                    self.parts[event.index] = _start_block(event.content_block)
                case "content_block_delta":
                    self._add(self.parts[event.index], event.delta)
                case "message_delta":
                    self.stop_reason = event.delta.stop_reason
                    self._count(event.usage)
                case _:
                    pass
        except (AttributeError, KeyError, TypeError) as error:
            raise MalformedResponse(f"{type(error).__name__} in an event of the stream: {error}") from None

    def reply(self) -> Reply:
        """Return the whole answer. Raises TransientError if the stream ended before the answer did."""
        if self.stop_reason is None:
            raise TransientError("the stream ended early", usage=self.usage)
        blocks = [self.parts[index].block() for index in sorted(self.parts)]
        if self.stop_reason == "refusal":
            # What was refused must not be done, and a use of a tool without a result is not taken back.
            blocks = [block for block in blocks if not isinstance(block, ToolCall)]
        return Reply(Message("assistant", tuple(blocks)), self.stop_reason, self.usage, self.model, cost_usd=None)

    def _count(self, usage: Any) -> None:
        reported = {name: getattr(usage, name, None) for name in _USAGE_FIELDS}
        self.counts |= {name: count for name, count in reported.items() if count is not None}

    @staticmethod
    def _add(part: _PartialBlock, delta: Any) -> None:
        match delta.type:
            case "text_delta":
                part.text += delta.text
            case "thinking_delta":
                part.text += delta.thinking
            case "input_json_delta":
                part.text += delta.partial_json
            case "signature_delta":
                part.signature += delta.signature
            case _:
                pass


_USAGE_FIELDS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def _start_block(block: Any) -> _PartialBlock:
    match block.type:
        case "tool_use":
            return _PartialBlock("tool_use", id=block.id, name=block.name)
        case "redacted_thinking":
            return _PartialBlock("redacted_thinking", text=block.data)
        case "thinking":
            return _PartialBlock("thinking", text=block.thinking, signature=block.signature or "")
        case _:
            return _PartialBlock("text", text=block.text)
