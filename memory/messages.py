"""Messages between an agent and its base model, and how the run file stores them."""

import json
import json.encoder
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from typing import Any, Literal, overload

Json = Any
"""A value that `json.dumps` and `json.loads` preserve."""

Speaker = Literal["user", "assistant"]

INVALID_INPUT = "INVALID_JSON"
"""Name of the only argument of a tool call with input that is not JSON; its value is the model's text. It is sent to
providers that require an object, and the tool returns an error.
"""


def canonical_json(value: Json) -> str:
    """Return the canonical JSON of a value, for hashes and digests: keys sorted, no spaces, ValueError on NaN."""
    return "".join(_encode_canonically(value, 0))


def _canonical_encoder() -> Callable[[Json, int], Iterable[str]]:
    """Return the function that `JSONEncoder.encode` makes anew for each value, made once: it takes a third as long."""
    encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    make_encoder, encode_string = json.encoder.c_make_encoder, json.encoder.encode_basestring  # type: ignore[attr-defined]
    if make_encoder is None:  # an interpreter without the extension module
        return lambda value, _: encoder.encode(value)
    # Without markers a value that contains itself is a RecursionError instead of a ValueError.
    return make_encoder(  # type: ignore[no-any-return]
        None, encoder.default, encode_string, None, encoder.key_separator, encoder.item_separator, True, False, False
    )


_encode_canonically = _canonical_encoder()


_scan: Callable[[str, int], tuple[Json, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def parse_json(text: str) -> Json:
    """Return what `json.loads` returns, for canonical JSON in a third of the time. Raises ValueError."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        end = -1
    return value if end == len(text) else json.loads(text)


def content_hash(*parts: str) -> str:
    """Return 32 hexadecimal digits that identify the texts `parts` in this order."""
    digest = blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8))
        digest.update(encoded)
    return digest.hexdigest()


def is_hash(value: object) -> bool:
    """Return whether a value has the form of a `content_hash`."""
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


_HASH = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Text:
    """Text of a message."""

    text: str

    def to_json(self) -> Json:
        """Return the block in the wire format of the Messages API."""
        return {"type": "text", "text": self.text}


@dataclass(frozen=True, slots=True)
class Thinking:
    """A model's reasoning. It is sent back unchanged to the model that wrote it, and to no other agent."""

    text: str
    signature: str = ""
    """Signature that the provider requires with the block; empty for providers without one."""
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Further fields of the provider, returned unchanged."""

    def to_json(self) -> Json:
        """Return the block in the wire format of the Messages API, with `extra` if it is not empty."""
        block = {"type": "thinking", "thinking": self.text, "signature": self.signature}
        return {**block, "extra": dict(self.extra)} if self.extra else block


@dataclass(frozen=True, slots=True)
class RedactedThinking:
    """Reasoning that the provider returns encrypted."""

    data: str

    def to_json(self) -> Json:
        """Return the block in the wire format of the Messages API."""
        return {"type": "redacted_thinking", "data": self.data}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's request to execute a tool."""

    id: str
    """Unique within a conversation."""
    name: str
    arguments: Mapping[str, Json]
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Further fields of the provider, such as a signature of its reasoning; returned unchanged."""

    def to_json(self) -> Json:
        """Return the block in the wire format of the Messages API, with `extra` if it is not empty."""
        block = {"type": "tool_use", "id": self.id, "name": self.name, "input": dict(self.arguments)}
        return {**block, "extra": dict(self.extra)} if self.extra else block


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool call."""

    tool_call_id: str
    content: str
    """JSON text."""
    is_error: bool = False

    def to_json(self) -> Json:
        """Return the block in the wire format of the Messages API."""
        block = {"type": "tool_result", "tool_use_id": self.tool_call_id, "content": self.content}
        return {**block, "is_error": True} if self.is_error else block


Block = Text | Thinking | RedactedThinking | ToolCall | ToolResult


def block_from_json(data: Mapping[str, Json]) -> Block:
    """Return the block that `to_json` wrote. Raises ValueError if the type of the block is unknown."""
    match data["type"]:
        case "text":
            return Text(data["text"])
        case "thinking":
            return Thinking(data["thinking"], data["signature"], data.get("extra", {}))
        case "redacted_thinking":
            return RedactedThinking(data["data"])
        case "tool_use":
            return ToolCall(data["id"], data["name"], data["input"], data.get("extra", {}))
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
        """Hash of speaker and content; the key of the message in the run file."""
        return self._key or self.stored()[0]

    def stored(self) -> tuple[str, str]:
        """Return the message's key, and its content as stored in the run file: a JSON list of blocks."""
        content = canonical_json([block.to_json() for block in self.blocks])
        if not self._key:
            # Cached: it is read with every request of a growing conversation, and a message never changes.
            object.__setattr__(self, "_key", content_hash(self.speaker, content))
        return self._key, content

    @classmethod
    def read(cls, key: str, speaker: Speaker, content: str) -> "Message":
        """Return the message stored under a key. Raises ValueError if its content does not have this hash."""
        if content_hash(speaker, content) != key:
            raise ValueError(f"the message {key} does not have this hash")
        message = cls(speaker, tuple([block_from_json(block) for block in parse_json(content)]))
        object.__setattr__(message, "_key", key)
        return message

    @property
    def text(self) -> str:
        """All text blocks, joined by newlines."""
        return "\n".join(block.text for block in self.blocks if isinstance(block, Text))

    @property
    def thinking(self) -> str:
        """All readable thinking, joined by newlines."""
        return "\n".join(block.text for block in self.blocks if isinstance(block, Thinking))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in order."""
        return tuple(block for block in self.blocks if isinstance(block, ToolCall))

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """The tool results, in order."""
        return tuple(block for block in self.blocks if isinstance(block, ToolResult))

    def to_json(self) -> Json:
        """Return the message in the wire format of the Messages API."""
        return {"role": self.speaker, "content": [block.to_json() for block in self.blocks]}


def user_message(text: str) -> Message:
    """Return a user message with one text block."""
    return Message("user", (Text(text),))


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as presented to a model."""

    name: str
    description: str
    schema: Mapping[str, Json]
    """JSON Schema of the arguments."""
    _stored: str = field(default="", init=False, compare=False, repr=False)

    def stored(self) -> str:
        """Return the canonical JSON of the tool."""
        if not self._stored:
            # Cached: it is part of every request.
            object.__setattr__(self, "_stored", canonical_json(self.to_json()))
        return self._stored

    def to_json(self) -> Json:
        """Return the tool in the wire format of the Messages API."""
        return {"name": self.name, "description": self.description, "input_schema": dict(self.schema)}


def tool_from_json(data: Mapping[str, Json]) -> ToolSpec:
    """Return the tool that `ToolSpec.to_json` wrote."""
    return ToolSpec(data["name"], data["description"], data["input_schema"])


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call."""

    input_tokens: int | None = 0
    """Input tokens, including those read from a cache; None: the server did not report them."""
    output_tokens: int | None = 0
    """Output tokens, including thinking; None: the server did not report them."""
    cache_read_tokens: int = 0
    """Input tokens read from the provider's cache."""
    cache_written_tokens: int = 0
    """Input tokens written to the provider's cache."""

    @property
    def tokens(self) -> int | None:
        """Input and output tokens; None: unknown."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens

    @property
    def known_tokens(self) -> int:
        """Input and output tokens as far as they are known."""
        return (self.input_tokens or 0) + (self.output_tokens or 0)


class Messages(Sequence[Message]):
    """The messages of a conversation: the beginning of a list that longer conversations share.

    A conversation is extended at each turn, and copies would take time of the order of the number of turns squared.
    """

    __slots__ = ("_length", "_shared")

    def __init__(self, shared: list[Message], length: int) -> None:
        """Hold the first messages of a list, to which only `then` appends."""
        self._shared, self._length = shared, length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Message]:
        return islice(self._shared, self._length)

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Message, ...]: ...
    def __getitem__(self, index: int | slice) -> Message | tuple[Message, ...]:
        if isinstance(index, slice):
            first, last, step = index.indices(self._length)
            return tuple(self._shared[first:last]) if step == 1 else tuple(self)[index]
        if index < 0:
            index += self._length
        if not 0 <= index < self._length:
            raise IndexError("message index out of range")
        return self._shared[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Messages) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def then(self, messages: Sequence[Message]) -> "Messages":
        """Return these messages and `messages`."""
        shared, end = self._shared, self._length + len(messages)
        if len(shared) == self._length:
            shared.extend(messages)
        elif shared[self._length : end] != list(messages):  # another conversation has extended it in another way
            shared = [*self, *messages]
        return Messages(shared, end)

    def common_length(self, other: "Messages") -> int:
        """Return the number of messages with which both begin."""
        shorter = min(len(self), len(other))
        if self._shared is other._shared:
            return shorter
        pairs = enumerate(zip(self, other, strict=False))
        return next((index for index, (message, others) in pairs if message != others), shorter)


@dataclass(frozen=True, slots=True)
class Conversation:
    """System prompt and messages of one agent."""

    system: str
    messages: Messages
    head: str
    """Hash of the whole conversation: two conversations are equal if and only if their heads are equal."""

    @classmethod
    def begin(cls, system: str) -> "Conversation":
        """Return a conversation without messages."""
        return cls(system, Messages([], 0), content_hash(system))

    def then(self, *messages: Message) -> "Conversation":
        """Return the conversation with `messages` appended."""
        head = self.head
        for message in messages:
            head = content_hash(head, message.key)
        return Conversation(self.system, self.messages.then(messages), head)
