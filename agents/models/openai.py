"""Models behind OpenAI's chat completions, or behind any server that speaks them, by the official SDK."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from aarlab.agents.models import texttools
from aarlab.agents.models.base import Reply, Request, Serving, TemporaryError
from aarlab.agents.models.faults import Garbled, translated
from aarlab.agents.models.wire import tool_input, whole_characters
from aarlab.memory.messages import Block, Conversation, Json, Message, Text, Thinking, ToolUse, Usage, canonical

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_KEY = "OPENAI_API_KEY"
_CONNECT_S = 20.0
_STOP_REASONS = {
    "stop": "end_turn", "tool_calls": "tool_use", "function_call": "tool_use", "length": "max_tokens",
    "content_filter": "refusal",
}  # fmt: skip


class ChatModel:
    """A model that is asked by chat completions, as one agent's base model."""

    def __init__(self, model: str, serving: Serving) -> None:
        """Take the model's id as the server has it, and how to ask it."""
        self._model, self._serving = model, serving
        self._opened: AsyncOpenAI | None = None

    async def reply(self, request: Request) -> Reply:
        """Answer the request.

        Raises:
            TemporaryError: This time there is no answer, for a reason that passes.
            ModelError: There is no answer to be had.
        """
        import openai

        draft = _Draft(self._model)
        with translated(openai, model=f"openai/{self._model}", key=_KEY, spent=lambda: draft.usage or Usage()):
            async with asyncio.timeout(self._serving.timeout_s):
                client = self._client()
                asked = body(request, self._model, self._serving, elsewhere=_elsewhere(self._serving))
                stream: Any = await client.chat.completions.create(**asked)
                async with stream:
                    async for chunk in stream:
                        draft.take(chunk)
        return draft.reply(request.conversation, text_tools=self._serving.text_tools)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.close()

    def _client(self) -> "AsyncOpenAI":
        if self._opened is None:
            import httpx2
            import openai

            # A server of one's own may do without a key, but the SDK does not.
            key = os.environ.get(_KEY) or ("none" if _elsewhere(self._serving) else None)
            self._opened = openai.AsyncOpenAI(
                api_key=key,
                base_url=self._serving.base_url,
                # Whoever opened this asks again; see `retry`.
                max_retries=0,
                timeout=httpx2.Timeout(self._serving.timeout_s, connect=_CONNECT_S),
            )
        return self._opened


def _elsewhere(serving: Serving) -> bool:
    """Tell whether it is another server than OpenAI's."""
    return bool(serving.base_url or os.environ.get("OPENAI_BASE_URL"))


def body(request: Request, model: str, serving: Serving, *, elsewhere: bool) -> dict[str, Any]:
    """Return what is sent. Another server than OpenAI's, `elsewhere`, may know only the older name of the limit."""
    conversation = request.conversation
    system, messages = conversation.system, sent(conversation.messages)
    if serving.text_tools:
        system = "\n\n".join(part for part in (system, texttools.offered(request.tools)) if part)
        messages = in_text(conversation.messages)
    asked: dict[str, Any] = {
        "model": model,
        "messages": [*([{"role": "system", "content": system}] if system else []), *messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens" if elsewhere else "max_completion_tokens": serving.max_tokens,
    }
    if request.tools and not serving.text_tools:
        asked["tools"] = [
            {
                "type": "function",
                "function": {"name": t.name, "description": t.description, "parameters": dict(t.schema)},
            }
            for t in request.tools
        ]
    if serving.effort is not None:
        asked["reasoning_effort"] = serving.effort
    return asked


def sent(messages: Sequence[Message]) -> list[dict[str, Json]]:
    """Return the messages as the API takes them: each result of a tool is one, thinking is left out."""
    listed: list[dict[str, Json]] = []
    for message in messages:
        listed += [
            {"role": "tool", "tool_call_id": result.tool_use_id, "content": result.content}
            for result in message.tool_results
        ]
        uses = [_called(use) for use in message.tool_uses]
        if uses or message.text.strip():
            said: dict[str, Json] = {"role": message.speaker, "content": message.text or None}
            listed.append({**said, "tool_calls": uses} if uses else said)
    return listed


def _called(use: ToolUse) -> Json:
    function = {"name": use.name, "arguments": canonical(dict(use.arguments))}
    return {"id": use.id, "type": "function", "function": function}


def in_text(messages: Sequence[Message]) -> list[dict[str, Json]]:
    """Return the messages with tools in plain text."""
    names: dict[str, str] = {}
    listed = [{"role": message.speaker, "content": texttools.written(message, names)} for message in messages]
    return [message for message in listed if message["content"]]


@dataclass(slots=True)
class _Call:
    """A tool call while it arrives."""

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class _Draft:
    """An answer while it arrives."""

    model: str
    stop_reason: str | None = None
    text: str = ""
    refusal: str = ""
    thinking: str = ""
    calls: dict[int, _Call] = field(default_factory=dict)
    usage: Usage | None = None
    """What the call took; None until the server says."""

    def take(self, chunk: Any) -> None:
        """Take in the next chunk. Raises Garbled if it makes no sense."""
        try:
            self.model = chunk.model or self.model
            if chunk.usage is not None:
                self.usage = _usage(chunk.usage)
            for choice in chunk.choices or ():
                self._add(choice.delta)
                if choice.finish_reason is not None:
                    self.stop_reason = _STOP_REASONS.get(choice.finish_reason, choice.finish_reason)
        except (AttributeError, KeyError, TypeError) as error:
            raise Garbled(f"{type(error).__name__} in a chunk of the stream: {error}") from None

    def reply(self, conversation: Conversation, *, text_tools: bool) -> Reply:
        """Return the whole answer to a conversation.

        Raises:
            TemporaryError: The stream ended before the answer did, or before it said what the answer took.
        """
        if self.stop_reason is None:
            raise TemporaryError("the stream broke off", usage=self.usage)
        if self.usage is None:
            raise TemporaryError("the stream ended without the usage (stream_options.include_usage), which is needed")
        text = whole_characters(self.text or self.refusal)
        spoken: list[Block] = [Text(text)] if text else []
        if text_tools:
            spoken = texttools.read(text, used=texttools.last_use(conversation.messages))
        thought: list[Block] = [Thinking(whole_characters(self.thinking))] if self.thinking else []
        blocks = [*thought, *spoken, *self._uses(conversation)]
        reason = "refusal" if self.refusal else self.stop_reason
        if reason == "refusal":
            # What was refused must not be done, and a use of a tool without a result is not taken back.
            blocks = [block for block in blocks if not isinstance(block, ToolUse)]
        elif reason == "end_turn" and any(isinstance(block, ToolUse) for block in blocks):
            reason = "tool_use"
        return Reply(Message("assistant", tuple(blocks)), reason, self.usage, self.model, cost_usd=None)

    def _uses(self, conversation: Conversation) -> list[Block]:
        """Return the uses of tools. Some servers count from 0 in each answer, or give no ids; then they get others."""
        taken = {use.id for message in conversation.messages for use in message.tool_uses}
        uses: list[Block] = []
        for index in sorted(self.calls):
            call = self.calls[index]
            # Of a conversation that has been compacted some are gone, and their numbers with them.
            free = (f"call-{number}" for number in count(len(taken) + 1) if f"call-{number}" not in taken)
            key = call.id if call.id and call.id not in taken else next(free)
            taken.add(key)
            uses.append(ToolUse(key, call.name, tool_input(call.arguments)))
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


def _usage(told: Any) -> Usage:
    details = getattr(told, "prompt_tokens_details", None)
    cached = getattr(details, "cached_tokens", None) or 0
    return Usage(told.prompt_tokens, told.completion_tokens, cached)
