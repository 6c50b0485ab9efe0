"""Replies of the Messages API: the events of a stream, or one message, become a reply."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aarlab.agents.models.base import ContextTooLong, Reply, TransientError
from aarlab.agents.models.decoding import parse_arguments
from aarlab.agents.models.provider_errors import MalformedResponse, ServerError
from aarlab.agents.models.sdk_model import finished_reply
from aarlab.agents.models.wire_fields import read_list, read_object, read_text, token_count
from aarlab.agents.models.wire_names import with_unique_ids
from aarlab.memory.messages import Block, Json, Message, RedactedThinking, Text, Thinking, ToolCall, Usage

_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature",
           "input_json_delta": "partial_json"}  # fmt: skip
"""The field of each kind of delta that is appended to the block."""
_INPUT_FIELDS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


@dataclass(slots=True)
class PartialClaudeReply:
    """A reply during streaming."""

    model: str
    stop_reason: str | None = None
    blocks: dict[int, dict[str, str]] = field(default_factory=dict)
    """Type and fields of the content blocks, by index."""
    _reported: dict[str, Json] = field(default_factory=dict)

    @property
    def usage(self) -> Usage | None:
        """The reported tokens, None for each number that is missing or not credible; None: no report yet."""
        return claude_usage(self._reported) if self._reported else None

    def add(self, event: Json) -> None:
        """Add an event of the stream. Raises MalformedResponse if it violates the protocol."""
        fields = read_object(event, "the event")
        if fields.get("error"):
            raise ServerError(fields["error"])
        match fields.get("type"):
            case "message_start":
                self._start(read_object(fields.get("message"), "message"))
            case "content_block_start":
                self._start_block(_index(fields), read_object(fields.get("content_block"), "content_block"))
            case "content_block_delta":
                self._add_delta(_index(fields), read_object(fields.get("delta"), "delta"))
            case "message_delta":
                delta = read_object(fields.get("delta"), "delta")
                self.stop_reason = read_text(delta.get("stop_reason"), "stop_reason") or self.stop_reason
                usage = fields.get("usage")
                # The count at the start of the message does not include the reply.
                self._reported["output_tokens"] = None
                self._reported |= {k: v for k, v in usage.items() if v is not None} if isinstance(usage, dict) else {}
            case _:
                pass

    def add_message(self, message: Json) -> None:
        """Add a whole message. Raises MalformedResponse if it violates the protocol."""
        fields = read_object(message, "the response")
        self._start(fields)
        self.stop_reason = read_text(fields.get("stop_reason"), "stop_reason") or None
        for index, item in enumerate(read_list(fields.get("content"), "content")):
            self._start_block(index, read_object(item, "a content block"))

    def reply(self, messages: Sequence[Message]) -> Reply:
        """Return the complete reply to messages. Raises TransientError or ContextTooLong if it is incomplete."""
        if self.stop_reason is None:
            raise TransientError("the stream ended early", usage=self.usage)
        if self.stop_reason == "model_context_window_exceeded":
            raise ContextTooLong(
                f"the conversation with {self.model} reached the end of its context ({self.stop_reason})",
                usage=self.usage,
            )
        blocks = [_block(self.blocks[index]) for index in sorted(self.blocks)]
        calls = [block for block in blocks if isinstance(block, ToolCall)]
        unique = iter(with_unique_ids(calls, messages))
        blocks = [next(unique) if isinstance(block, ToolCall) else block for block in blocks]
        return finished_reply(blocks, self.stop_reason, self.usage or Usage(None, None), self.model)

    def _start(self, message: Mapping[str, Json]) -> None:
        if self._reported or self.blocks:
            raise MalformedResponse("the message starts twice")
        self.model = read_text(message.get("model"), "model") or self.model
        usage = message.get("usage")
        self._reported = dict(usage) if isinstance(usage, dict) else {}

    def _start_block(self, index: int, block: Mapping[str, Json]) -> None:
        if index in self.blocks:
            raise MalformedResponse(f"the content block {index} starts twice")
        names = ("type", "text", "thinking", "signature", "data", "id", "name")
        texts = {name: read_text(block.get(name), name) for name in names}
        # Deltas replace the input of the start, which is usually empty.
        self.blocks[index] = {
            **texts,
            "input": json.dumps(read_object(block.get("input"), "input")),
            "partial_json": "",
        }

    def _add_delta(self, index: int, delta: Mapping[str, Json]) -> None:
        if index not in self.blocks:
            raise MalformedResponse(f"the content block {index} has not started")
        if (name := _DELTAS.get(read_text(delta.get("type"), "type"))) is not None:
            self.blocks[index][name] += read_text(delta.get(name), name)


def _index(fields: Mapping[str, Json]) -> int:
    index = fields.get("index")
    if isinstance(index, bool) or not isinstance(index, int):
        raise MalformedResponse("the index of a content block is not a number")
    return index


def _block(block: Mapping[str, str]) -> Block:
    match block["type"]:
        case "thinking":
            return Thinking(block["thinking"], block["signature"])
        case "redacted_thinking":
            return RedactedThinking(block["data"])
        case "tool_use":
            return ToolCall(block["id"], block["name"], parse_arguments(block["partial_json"] or block["input"]))
        case "text":
            return Text(block["text"])
        case other:
            raise MalformedResponse(f"a content block has the type {other!r}")


def claude_usage(reported: Mapping[str, Json]) -> Usage:
    """Return the tokens of a report; None for each number that is missing or not credible."""
    # The API's `input_tokens` excludes the tokens that were read from or written to the cache; null is 0.
    plain, read, written = (
        token_count(0 if reported.get(name) is None and name != "input_tokens" else reported.get(name))
        for name in _INPUT_FIELDS
    )
    output = token_count(reported.get("output_tokens"))
    if plain is None or read is None or written is None:
        return Usage(None, output)
    return Usage(plain + read + written, output, read, written)
