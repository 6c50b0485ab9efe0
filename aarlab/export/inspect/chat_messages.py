"""What passed between agents and base models, in the words of Inspect. Needs the extra `inspect`.

Every message can be turned back into the one that it was (`inspect_reading`). The id of a message is the hash of what
it says: of messages that differ in nothing else Inspect keeps one, and ids of another kind would then be anybody's.
"""

from collections.abc import Iterable, Iterator
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
from inspect_ai.tool import ToolCall as InspectToolCall
from inspect_ai.tool import ToolCallError, ToolInfo, ToolParams

from aarlab.export.inspect.request_reader import BLOCKS, PART, SCHEMA, schema_of
from aarlab.memory.events import FailedModelCall, ModelCall
from aarlab.memory.messages import (
    INVALID_INPUT,
    Block,
    Conversation,
    Message,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
    content_hash,
)

_STOPS: dict[str, StopReason] = {
    "end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "max_tokens", "refusal": "content_filter",
}  # fmt: skip


class ChatMessages:
    """Says messages in Inspect's words, each once: what is said again and again is the same object every time."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._answers: dict[str, ChatMessageAssistant] = {}
        """By the key of the message."""
        self._user_messages: dict[tuple[str, str], list[ChatMessage]] = {}
        """By the keys of the message and of that before it, which names the tools."""
        self._systems: dict[str, ChatMessageSystem] = {}

    def conversation(self, conversation: Conversation) -> list[ChatMessage]:
        """Return a conversation. One without a system prompt begins with its first message."""
        found: list[ChatMessage] = []
        if system := conversation.system:
            found.append(self._systems.setdefault(system, ChatMessageSystem(id=content_hash(system), content=system)))
        for before, message in pairwise((Message("user", ()), *conversation.messages)):
            if message.speaker == "assistant":
                found.append(self.answer(message))
            else:
                key = message.key, before.key
                if key not in self._user_messages:
                    self._user_messages[key] = list(_user(message, before))
                found += self._user_messages[key]
        return found

    def answer(self, message: Message) -> ChatMessageAssistant:
        """Return what a base model said."""
        if message.key not in self._answers:
            self._answers[message.key] = _assistant(message)
        return self._answers[message.key]


def _user(message: Message, before: Message) -> Iterator[ChatMessage]:
    """Yield what somebody was told after what was said before, part by part."""
    parts = _parts(message)
    names = {use.id: use.name for use in before.tool_calls}
    # Results of tools in a row are taken for one message, and words for another.
    after_results = bool(before.blocks) and isinstance(before.blocks[-1], ToolResult)
    mixed = len(parts) > 1 and len(message.tool_results) < len(parts)
    counted = mixed or (after_results and bool(message.tool_results))
    for number, part in enumerate(parts):
        about: dict[str, Any] = {"id": key_of(*part), "metadata": {PART: number} if counted else None}
        match part:
            case [ToolResult(tool_call_id=use, content=content) as result]:
                error = error_of(result)
                yield ChatMessageTool(content=content, tool_call_id=use, function=names.get(use), error=error, **about)
            case [Text(text=text)]:
                yield ChatMessageUser(content=text, **about)
            case _:
                yield ChatMessageUser(content=list(_contents(part)), **about)


def key_of(*part: Block) -> str:
    """Return the id of a message with a part of what somebody was told."""
    return Message("user", part).key


def _parts(message: Message) -> list[list[Block]]:
    """Return the parts of what somebody was told: each result of a tool, and the words between them."""
    parts: list[list[Block]] = []
    for is_result, group in groupby(message.blocks, lambda block: isinstance(block, ToolResult)):
        blocks = list(group)
        parts += [[block] for block in blocks] if is_result else [blocks]
    return parts or [[]]


def error_of(result: ToolResult) -> ToolCallError | None:
    """Return what a tool complained of, None if it did not."""
    return ToolCallError("unknown", result.content) if result.is_error else None


def _assistant(message: Message) -> ChatMessageAssistant:
    kinds = ["tool_use" if isinstance(block, ToolCall) else "content" for block in message.blocks]
    # In Inspect uses of tools come last.
    metadata = None if kinds == sorted(kinds) else {BLOCKS: kinds}
    return ChatMessageAssistant(
        id=message.key,
        content=list(_contents(message.blocks)),
        tool_calls=[_tool_call(use) for use in message.tool_calls] or None,
        metadata=metadata,
    )


def _tool_call(use: ToolCall) -> InspectToolCall:
    unreadable = "its input was not JSON" if INVALID_INPUT in use.arguments else None
    return InspectToolCall(use.id, use.name, dict(use.arguments), parse_error=unreadable)


def _contents(blocks: Iterable[Block]) -> Iterator[Content]:
    for block in blocks:
        match block:
            case Text(text=text):
                yield ContentText(text=text)
            case Thinking(text=text, signature=signature):
                yield ContentReasoning(reasoning=text, signature=signature or None)
            case RedactedThinking(data=data):
                yield ContentReasoning(reasoning=data, redacted=True)
            case ToolCall() | ToolResult():
                pass  # Those have their place beside the content.


def output(call: ModelCall, reply: ChatMessageAssistant) -> ModelOutput:
    """Return what a base model answered."""
    choice = ChatCompletionChoice(message=reply, stop_reason=_STOPS.get(call.stop_reason, "unknown"))
    return ModelOutput(model=call.model, choices=[choice], usage=usage([call]))


def usage(calls: Iterable[ModelCall | FailedModelCall]) -> ModelUsage:
    """Return the sum of what calls took. The cost is None if that of one is not known.

    Inspect counts what came from a cache, or was put there, beside the input; the run file as a part of it.
    """
    call_list = list(calls)
    read, written = (
        sum(call.cache_read_tokens for call in call_list),
        sum(call.cache_written_tokens for call in call_list),
    )
    everything, said = sum(call.input_tokens for call in call_list), sum(call.output_tokens for call in call_list)
    costs = [call.cost_usd for call in call_list]
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
