"""Claude through the official SDK: streaming, prompt caching, and thinking blocks that stay in the conversation."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from aarlab.agents.models.api_keys import read_key
from aarlab.agents.models.base import ModelSettings, Reply, Request
from aarlab.agents.models.claude_reply import PartialClaudeReply
from aarlab.agents.models.provider_errors import reading_stream
from aarlab.agents.models.sdk_model import KnownUsage, SdkModel
from aarlab.agents.models.wire_names import with_safe_names
from aarlab.memory.messages import Block, Json, Message, RedactedThinking, Text, Thinking, Usage

_CACHED: Json = {"type": "ephemeral"}
_COUNT_S = 20.0
_COUNTED_FIELDS = ("model", "messages", "system", "tools", "thinking")
"""The fields of a request that the token count depends on."""


class Claude(SdkModel):
    """A Claude model, as one agent's base model."""

    sdk_name = provider = "anthropic"
    key_variable = "ANTHROPIC_API_KEY"

    async def count_tokens(self, request: Request) -> int:
        """Return the tokens of a request, as the API counts them. Raises ModelError if the API does not count."""
        body = request_body(request, self._model, self._settings)
        with self._translate_errors(Usage):
            async with asyncio.timeout(_COUNT_S):
                counted = await self._client().messages.count_tokens(
                    **{name: value for name, value in body.items() if name in _COUNTED_FIELDS}
                )
        return int(counted.input_tokens)

    def _open_client(self, **options: Any) -> Any:
        import anthropic

        token = read_key("ANTHROPIC_AUTH_TOKEN")
        return anthropic.AsyncAnthropic(api_key=read_key(self.key_variable), auth_token=token, **options)

    async def _receive_reply(self, request: Request, known: KnownUsage) -> Reply:
        form = self._settings.request
        body = {**request_body(request, self._model, self._settings), "stream": form.stream is not False, **form.body}
        partial = PartialClaudeReply(self._model)
        # Closed at once after an error, and not when it is collected: it holds a connection.
        async with aclosing(self._responses("/v1/messages", body, form)) as events:
            async for event in events:
                with reading_stream():
                    if body["stream"] and "content" not in event:
                        partial.add(event)
                    else:
                        partial.add_message(event)
                known.usage = partial.usage or known.usage
        return partial.reply(request.conversation.messages)


def request_body(request: Request, model: str, settings: ModelSettings) -> dict[str, Any]:
    """Return the arguments of the API call.

    The provider caches prefixes that end at a cache breakpoint. One breakpoint is on the system prompt, after the
    tools. The last two user messages have one each, so that each call reads the prefix that the previous call wrote.
    """
    system = request.conversation.system
    messages = wire_messages(with_safe_names(request.conversation.messages))
    for message in [message for message in messages if message["role"] == "user"][-2:]:
        message["content"][-1] = {**message["content"][-1], "cache_control": _CACHED}
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": settings.max_tokens,
        "messages": messages,
        "tools": [tool.to_json() for tool in request.tools],
    }
    if system:
        body["system"] = [{"type": "text", "text": system, "cache_control": _CACHED}]
    if settings.effort is not None:
        body["output_config"] = {"effort": settings.effort}
    if settings.thinking == "adaptive":
        body["thinking"] = {"type": "adaptive"}
    elif settings.thinking != "default":
        body["thinking"] = {"type": "enabled", "budget_tokens": settings.thinking}
    return body


def wire_messages(messages: Sequence[Message]) -> list[dict[str, Json]]:
    """Return the messages in the API's format, without empty text and without thinking that has no signature."""
    wire = []
    for message in messages:
        blocks = [block for block in message.blocks if _is_sendable(block)]
        # The API rejects a message that contains only thinking.
        if any(not isinstance(block, Thinking | RedactedThinking) for block in blocks):
            # `extra` has fields of other providers.
            content = [{name: value for name, value in block.to_json().items() if name != "extra"} for block in blocks]
            wire.append({"role": message.speaker, "content": content})
    return wire


def _is_sendable(block: Block) -> bool:
    match block:
        case Text(text=text):
            return bool(text.strip())
        case Thinking(signature=signature):
            return bool(signature)
        case _:
            return True
