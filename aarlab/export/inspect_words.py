"""What passed between agents and base models, in the words of Inspect. Needs the extra `inspect`.

Every message can be turned back into the one that it was (`inspect_reading`). Inspect has results of tools as messages
of their own, so each part says in its metadata which event brought it. The id would not do: of messages that differ in
nothing else Inspect keeps one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentReasoning,
    ContentText,
    ModelOutput,
    ModelUsage,
    StopReason,
)
from inspect_ai.tool import ToolCall, ToolCallError, ToolInfo, ToolParams

from aarlab.export.inspect_reading import BLOCKS, EVENT, SCHEMA, schema_of
from aarlab.memory.events import FailedCall, ModelCall
from aarlab.memory.messages import (
    INVALID_INPUT,
    Block,
    Conversation,
    HiddenThinking,
    Message,
    Text,
    Thinking,
    ToolResult,
    ToolSpec,
    ToolUse,
)

_STOPS: dict[str, StopReason] = {
    "end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "max_tokens", "refusal": "content_filter",
}  # fmt: skip


class Chats:
    """Says messages in Inspect's words, each once: what is said again and again is the same object every time."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._said: dict[str, list[ChatMessage]] = {}
        """By the place of the event that brought a message."""

    def conversation(self, conversation: Conversation, brought_by: Sequence[str]) -> list[ChatMessage]:
        """Return a conversation; `brought_by` are the places of the events that brought system prompt and messages.

        A system prompt that nothing has brought is not known, and left out.
        """
        system, *places = brought_by
        found = [*self._said.setdefault(system, [_system(conversation.system, system)])] if system else []
        turns = pairwise((Message("user", ()), *conversation.messages))
        for place, (before, message) in zip(places, turns, strict=True):
            found += self.message(message, place, {use.id: use.name for use in before.tool_uses})
        return found

    def message(self, message: Message, place: str, tools: Mapping[str, str]) -> list[ChatMessage]:
        """Return one message. `tools` are the names of those whose results it may hold, by the id of the use."""
        if place not in self._said:
            spoken = message.speaker == "assistant"
            self._said[place] = [_assistant(message, place)] if spoken else _user(message, place, tools)
        return self._said[place]


def _system(system: str, place: str) -> ChatMessage:
    return ChatMessageSystem(id=place, content=system, metadata={EVENT: place})


def _user(message: Message, place: str, tools: Mapping[str, str]) -> list[ChatMessage]:
    """Return what somebody was told: a message for each result of a tool, and one for the words between them."""
    parts: list[list[Block]] = []
    for is_result, group in groupby(message.blocks, lambda block: isinstance(block, ToolResult)):
        blocks = list(group)
        parts += [[block] for block in blocks] if is_result else [blocks]
    found: list[ChatMessage] = []
    for number, part in enumerate(parts or [[]]):
        about: dict[str, Any] = {"id": place if len(parts) < 2 else f"{place}.{number}", "metadata": {EVENT: place}}
        match part:
            case [ToolResult(tool_use_id=use, content=content) as result]:
                function, error = tools.get(use), error_of(result)
                found.append(
                    ChatMessageTool(content=content, tool_call_id=use, function=function, error=error, **about)
                )
            case [Text(text=text)]:
                found.append(ChatMessageUser(content=text, **about))
            case _:
                found.append(ChatMessageUser(content=list(_contents(part)), **about))
    return found


def error_of(result: ToolResult) -> ToolCallError | None:
    """Return what a tool complained of, None if it did not."""
    return ToolCallError("unknown", result.content) if result.is_error else None


def _assistant(message: Message, place: str) -> ChatMessageAssistant:
    kinds = ["tool_use" if isinstance(block, ToolUse) else "content" for block in message.blocks]
    metadata: dict[str, Any] = {EVENT: place}
    if kinds != sorted(kinds):
        metadata[BLOCKS] = kinds  # In Inspect uses of tools come last.
    return ChatMessageAssistant(
        id=place,
        content=list(_contents(message.blocks)),
        tool_calls=[_tool_call(use) for use in message.tool_uses] or None,
        metadata=metadata,
    )


def _tool_call(use: ToolUse) -> ToolCall:
    unreadable = "its input was not JSON" if INVALID_INPUT in use.arguments else None
    return ToolCall(use.id, use.name, dict(use.arguments), parse_error=unreadable)


def _contents(blocks: Iterable[Block]) -> Iterator[Content]:
    for block in blocks:
        match block:
            case Text(text=text):
                yield ContentText(text=text)
            case Thinking(text=text, signature=signature):
                yield ContentReasoning(reasoning=text, signature=signature or None)
            case HiddenThinking(data=data):
                yield ContentReasoning(reasoning=data, redacted=True)
            case ToolUse() | ToolResult():
                pass  # Those have their place beside the content.


def output(call: ModelCall, reply: ChatMessage) -> ModelOutput:
    """Return what a base model answered."""
    assert isinstance(reply, ChatMessageAssistant), "a reply is the assistant's"
    choice = ChatCompletionChoice(message=reply, stop_reason=_STOPS.get(call.stop_reason, "unknown"))
    return ModelOutput(model=call.model, choices=[choice], usage=usage([call]))


def usage(calls: Iterable[ModelCall | FailedCall]) -> ModelUsage:
    """Return the sum of what calls took. The cost is None if that of one is not known.

    Inspect counts what came from a cache, or was put there, beside the input; the run file as a part of it.
    """
    told = list(calls)
    read, written = sum(call.cache_read_tokens for call in told), sum(call.cache_written_tokens for call in told)
    everything, said = sum(call.input_tokens for call in told), sum(call.output_tokens for call in told)
    costs = [call.cost_usd for call in told]
    return ModelUsage(
        input_tokens=everything - read - written,
        output_tokens=said,
        total_tokens=everything + said,
        input_tokens_cache_read=read,
        input_tokens_cache_write=written,
        total_cost=None if None in costs else sum(cost for cost in costs if cost is not None),
    )


def tool_info(tool: ToolSpec) -> ToolInfo:
    """Return a tool as it was offered. Where Inspect has no words for its schema, it is kept as it is beside them."""
    schema = dict(tool.schema)
    parameters = ToolParams(properties=schema.get("properties", {}), required=schema.get("required", []))
    options = None if schema_of(parameters) == schema else {SCHEMA: schema}
    return ToolInfo(name=tool.name, description=tool.description, parameters=parameters, options=options)
