"""Read the request to a base model back from a model event of an exported Inspect log."""

from collections.abc import Iterable, Iterator
from typing import Any

from inspect_ai.event import ModelEvent
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageTool, Content
from inspect_ai.tool import ToolInfo, ToolParams

from aarlab.agents.models.base import Request
from aarlab.memory.messages import (
    Block,
    Conversation,
    Json,
    Message,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
)

PART = "part"
"""Metadata of a message: its index in a message of aarlab that Inspect splits into several. Present where the roles of
the messages do not show which of them belong together.
"""
BLOCKS = "blocks"
"""Metadata of a reply: the order of contents and tool calls. Present where tool calls are not last."""
SCHEMA = "input_schema"
"""Option of a tool: its JSON Schema. Present where Inspect's parameters cannot represent it."""


def request_of(event: ModelEvent) -> Request:
    """Return the request of a model event from a log that aarlab exported.

    If the metadata of the event have `exact`, the request has the hash in the metadata `request`.
    """
    conversation = Conversation.begin("".join(message.text for message in event.input if message.role == "system"))
    for parts in _grouped_parts(message for message in event.input if message.role != "system"):
        conversation = conversation.then(_message(parts))
    return Request(conversation, tuple(_tool_spec(tool) for tool in event.tools))


def _grouped_parts(messages: Iterable[ChatMessage]) -> Iterator[list[ChatMessage]]:
    """Yield the parts of each message of aarlab: consecutive tool results, or messages with ascending part numbers."""
    parts: list[ChatMessage] = []
    for message in messages:
        part = _part(message)
        if (
            parts
            and (part or 0) == 0
            and not (part is None and _is_plain_tool_result(message) and _is_plain_tool_result(parts[-1]))
        ):
            yield parts
            parts = []
        parts.append(message)
    if parts:
        yield parts


def _part(message: ChatMessage) -> int | None:
    number: int | None = (message.metadata or {}).get(PART)
    return number


def _is_plain_tool_result(message: ChatMessage) -> bool:
    return message.role == "tool" and _part(message) is None


def _message(parts: list[ChatMessage]) -> Message:
    """Return the message of aarlab that has these parts."""
    match parts:
        case [ChatMessageAssistant() as reply]:
            return Message("assistant", tuple(_assistant_blocks(reply)))
        case _:
            return Message("user", tuple(block for part in parts for block in _user_blocks(part)))


def _assistant_blocks(reply: ChatMessageAssistant) -> Iterator[Block]:
    contents = _blocks(reply.content_list)
    calls = (ToolCall(call.id, call.function, call.arguments) for call in reply.tool_calls or ())
    for kind in (reply.metadata or {}).get(BLOCKS, ()):
        yield next(contents) if kind == "content" else next(calls)
    yield from contents
    yield from calls


def _user_blocks(part: ChatMessage) -> Iterator[Block]:
    if isinstance(part, ChatMessageTool):
        yield ToolResult(part.tool_call_id or "", part.text, part.error is not None)
    else:
        yield from _blocks(part.content_list)


def _blocks(contents: Iterable[Content]) -> Iterator[Block]:
    for content in contents:
        match content.type:
            case "text":
                yield Text(content.text)
            case "reasoning" if content.redacted:
                yield RedactedThinking(content.reasoning)
            case "reasoning":
                yield Thinking(content.reasoning, content.signature or "")
            case other:
                raise ValueError(f"unexpected content of type {other!r}: the log was not exported by aarlab")


def _tool_spec(tool: ToolInfo) -> ToolSpec:
    schema = (tool.options or {}).get(SCHEMA) or schema_of(tool.parameters)
    return ToolSpec(tool.name, tool.description, schema)


def schema_of(parameters: ToolParams) -> dict[str, Json]:
    """Return the JSON Schema of a tool's arguments without the defaults that Inspect adds."""
    schema: dict[str, Any] = parameters.model_dump(exclude_none=True)
    if schema["additionalProperties"] is False:
        del schema["additionalProperties"]
    if not schema["required"]:
        del schema["required"]
    return schema
