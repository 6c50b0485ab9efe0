"""The words of a conversation: what passes between an agent and its base model, and what the run file keeps of it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal

Json = Any
"""A value that survives `json.dumps` and `json.loads` unchanged."""

Speaker = Literal["user", "assistant"]

INVALID_INPUT = "INVALID_JSON"
"""The one argument of a tool use whose input was not JSON; its value is what the model wrote. Providers that want an
object sent back get it like this, and the tool answers that it cannot be read.
"""


def canonical_json(value: Json) -> str:
    """Return the one JSON text of a value: keys sorted, no spaces, no NaN. Hashes and digests are taken over it."""
    return _CANONICAL_ENCODER.encode(value)


_CANONICAL_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_hash(*parts: str) -> str:
    """Return 32 hexadecimal digits that identify the texts `parts`, in this order."""
    digest = blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8))
        digest.update(encoded)
    return digest.hexdigest()


def is_hash(value: object) -> bool:
    """Tell whether a value looks like what `content_hash` returns."""
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


_HASH = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Text:
    """Something said or thought aloud."""

    text: str

    def to_json(self) -> Json:
        """Return the block as the wire format of the Messages API has it."""
        return {"type": "text", "text": self.text}


@dataclass(frozen=True, slots=True)
class Thinking:
    """What a model thought before it spoke. Those who thought it get it back unchanged; nobody else is shown it."""

    text: str
    signature: str = ""
    """The provider's seal, without which it takes nothing back; empty where there is none."""

    def to_json(self) -> Json:
        """Return the block as the wire format of the Messages API has it."""
        return {"type": "thinking", "thinking": self.text, "signature": self.signature}


@dataclass(frozen=True, slots=True)
class RedactedThinking:
    """Thinking that the provider hands out encrypted."""

    data: str

    def to_json(self) -> Json:
        """Return the block as the wire format of the Messages API has it."""
        return {"type": "redacted_thinking", "data": self.data}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to use a tool."""

    id: str
    """Unique within a conversation."""
    name: str
    arguments: Mapping[str, Json]

    def to_json(self) -> Json:
        """Return the block as the wire format of the Messages API has it."""
        return {"type": "tool_use", "id": self.id, "name": self.name, "input": dict(self.arguments)}


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of it."""

    tool_call_id: str
    content: str
    """JSON text."""
    is_error: bool = False

    def to_json(self) -> Json:
        """Return the block as the wire format of the Messages API has it."""
        block = {"type": "tool_result", "tool_use_id": self.tool_call_id, "content": self.content}
        return {**block, "is_error": True} if self.is_error else block


Block = Text | Thinking | RedactedThinking | ToolCall | ToolResult


def block_from_json(data: Mapping[str, Json]) -> Block:
    """Read back what `to_json` wrote. Raises ValueError on a block of an unknown type."""
    match data["type"]:
        case "text":
            return Text(data["text"])
        case "thinking":
            return Thinking(data["thinking"], data["signature"])
        case "redacted_thinking":
            return RedactedThinking(data["data"])
        case "tool_use":
            return ToolCall(data["id"], data["name"], data["input"])
        case "tool_result":
            return ToolResult(data["tool_use_id"], data["content"], data.get("is_error", False))
        case other:
            raise ValueError(f"unknown block type {other!r}")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    speaker: Speaker
    blocks: tuple[Block, ...]
    _key: str = field(default="", init=False, compare=False, repr=False)

    @property
    def key(self) -> str:
        """Hash of speaker and content, under which the run file keeps the message."""
        return self._key or self.stored()[0]

    def stored(self) -> tuple[str, str]:
        """Return the message's key, and its content as the run file keeps it: a JSON list of blocks."""
        content = canonical_json([block.to_json() for block in self.blocks])
        if not self._key:
            # Asked for again and again as a conversation grows; a message never changes.
            object.__setattr__(self, "_key", content_hash(self.speaker, content))
        return self._key, content

    @classmethod
    def read(cls, key: str, speaker: Speaker, content: str) -> "Message":
        """Return the message that the run file keeps under a key. Raises ValueError unless it is the one it says."""
        if content_hash(speaker, content) != key:
            raise ValueError(f"the message {key} is not what it was")
        message = cls(speaker, tuple(block_from_json(block) for block in json.loads(content)))
        object.__setattr__(message, "_key", key)
        return message

    @property
    def text(self) -> str:
        """All that was said in words; thinking, tool uses and results left out."""
        return "\n".join(block.text for block in self.blocks if isinstance(block, Text))

    @property
    def thinking(self) -> str:
        """All that was thought in words that can be read."""
        return "\n".join(block.text for block in self.blocks if isinstance(block, Thinking))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools asked for, in order."""
        return tuple(block for block in self.blocks if isinstance(block, ToolCall))

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """The results handed back, in order."""
        return tuple(block for block in self.blocks if isinstance(block, ToolResult))

    def to_json(self) -> Json:
        """Return the message as the wire format of the Messages API has it."""
        return {"role": self.speaker, "content": [block.to_json() for block in self.blocks]}


def message_from_json(data: Mapping[str, Json]) -> Message:
    """Read back what `Message.to_json` wrote."""
    return Message(data["role"], tuple(block_from_json(block) for block in data["content"]))


def user_message(text: str) -> Message:
    """Return a message to the model in plain words."""
    return Message("user", (Text(text),))


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model is shown it."""

    name: str
    description: str
    schema: Mapping[str, Json]
    """JSON Schema of the arguments."""
    _stored: str = field(default="", init=False, compare=False, repr=False)

    def stored(self) -> str:
        """Return the one JSON text of the tool as a model is shown it."""
        if not self._stored:
            # Part of every request.
            object.__setattr__(self, "_stored", canonical_json(self.to_json()))
        return self._stored

    def to_json(self) -> Json:
        """Return the tool as the wire format of the Messages API has it."""
        return {"name": self.name, "description": self.description, "input_schema": dict(self.schema)}


def tool_from_json(data: Mapping[str, Json]) -> ToolSpec:
    """Read back what `ToolSpec.to_json` wrote."""
    return ToolSpec(data["name"], data["description"], data["input_schema"])


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call."""

    input_tokens: int = 0
    """All that was read, from a cache or not."""
    output_tokens: int = 0
    """All that was written, thinking included."""
    cache_read_tokens: int = 0
    """Of the input: what came from the provider's cache."""
    cache_written_tokens: int = 0
    """Of the input: what was put into the provider's cache."""

    @property
    def tokens(self) -> int:
        """All tokens, read and written."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one agent has been told and has said, from its system prompt on."""

    system: str
    messages: tuple[Message, ...]
    head: str
    """Hash over the whole of it, in order: two conversations are the same if and only if their heads are."""

    @classmethod
    def begin(cls, system: str) -> "Conversation":
        """Return a conversation in which nothing has been said yet."""
        return cls(system, (), content_hash(system))

    def then(self, *messages: Message) -> "Conversation":
        """Return the conversation with `messages` appended."""
        head = self.head
        for message in messages:
            head = content_hash(head, message.key)
        return Conversation(self.system, self.messages + messages, head)
