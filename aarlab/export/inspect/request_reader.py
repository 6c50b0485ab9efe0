"""What a base model was asked, read back from a model event of Inspect. Needs the extra `inspect`."""

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
"""In the metadata of a message: which part it is, from 0 on, of one that would else be taken for several, or for a part
of the one before.
"""
BLOCKS = "blocks"
"""In the metadata of an answer: in which order there were contents and uses of tools, where the uses are not last."""
SCHEMA = "input_schema"
"""Among the options of a tool: its JSON Schema, where Inspect cannot say it."""


def request_of(event: ModelEvent) -> Request:
    """Return what a base model was asked, from a model event of a log that aarlab has exported.

    Where the event's metadata say that it is `exact`, the hash of the request is the one they name.
    """
    conversation = Conversation.begin("".join(message.text for message in event.input if message.role == "system"))
    for parts in _grouped_parts(message for message in event.input if message.role != "system"):
        conversation = conversation.then(_message(parts))
    return Request(conversation, tuple(_tool(tool) for tool in event.tools))


def _grouped_parts(said: Iterable[ChatMessage]) -> Iterator[list[ChatMessage]]:
    """Yield for each message its parts: results of tools in a row, or what is counted as parts of one."""
    parts: list[ChatMessage] = []
    for message in said:
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
    """Return the message whose parts these are."""
    match parts:
        case [ChatMessageAssistant() as answer]:
            return Message("assistant", tuple(_answered(answer)))
        case _:
            return Message("user", tuple(block for part in parts for block in _user_blocks(part)))


def _answered(answer: ChatMessageAssistant) -> Iterator[Block]:
    contents = _blocks(answer.content_list)
    uses = (ToolCall(call.id, call.function, call.arguments) for call in answer.tool_calls or ())
    for kind in (answer.metadata or {}).get(BLOCKS, ()):
        yield next(contents) if kind == "content" else next(uses)
    yield from contents
    yield from uses


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
                raise ValueError(f"a run file has no content of the type {other!r}")


def _tool(tool: ToolInfo) -> ToolSpec:
    schema = (tool.options or {}).get(SCHEMA) or schema_of(tool.parameters)
    return ToolSpec(tool.name, tool.description, schema)


def schema_of(parameters: ToolParams) -> dict[str, Json]:
    """Return the JSON Schema of a tool's arguments, without what Inspect adds to it."""
    schema: dict[str, Any] = parameters.model_dump(exclude_none=True)
    if schema["additionalProperties"] is False:
        del schema["additionalProperties"]
    if not schema["required"]:
        del schema["required"]
    return schema
