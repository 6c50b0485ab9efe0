"""Convert messages, replies, tools and token usage to Inspect's types.

`request_reader` converts messages back without loss. The id of a message is the hash of its content, because Inspect
keeps only one of several messages that differ only in their ids.
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
from aarlab.graph.run.spending_measures import known_total
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
    """Converts messages of aarlab, and returns the same object for the same message every time."""

    def __init__(self) -> None:
        """Start with empty caches."""
        self._replies: dict[str, ChatMessageAssistant] = {}
        """By message key."""
        self._user_messages: dict[tuple[str, str], list[ChatMessage]] = {}
        """By the keys of the message and of the message before it, which has the names of the tools."""
        self._systems: dict[str, ChatMessageSystem] = {}

    def conversation(self, conversation: Conversation) -> list[ChatMessage]:
        """Return the messages of a conversation, the system prompt first if there is one."""
        chat: list[ChatMessage] = []
        if system := conversation.system:
            chat.append(self._systems.setdefault(system, ChatMessageSystem(id=content_hash(system), content=system)))
        for before, message in pairwise((Message("user", ()), *conversation.messages)):
            if message.speaker == "assistant":
                chat.append(self.reply(message))
            else:
                key = message.key, before.key
                if key not in self._user_messages:
                    self._user_messages[key] = list(_user(message, before))
                chat += self._user_messages[key]
        return chat

    def reply(self, message: Message) -> ChatMessageAssistant:
        """Return the reply of a base model."""
        if message.key not in self._replies:
            self._replies[message.key] = _assistant(message)
        return self._replies[message.key]


def _user(message: Message, before: Message) -> Iterator[ChatMessage]:
    """Yield the messages of Inspect for a user message; `before` is the message before it."""
    parts = _parts(message)
    tool_names = {call.id: call.name for call in before.tool_calls}
    # Without part numbers, consecutive tool results are read back as one message, and text as another message.
    after_results = bool(before.blocks) and isinstance(before.blocks[-1], ToolResult)
    mixed = len(parts) > 1 and len(message.tool_results) < len(parts)
    needs_numbers = mixed or (after_results and bool(message.tool_results))
    for number, part in enumerate(parts):
        common: dict[str, Any] = {"id": key_of(*part), "metadata": {PART: number} if needs_numbers else None}
        match part:
            case [ToolResult(tool_call_id=call_id, content=content) as result]:
                error = error_of(result)
                function = tool_names.get(call_id)
                yield ChatMessageTool(content=content, tool_call_id=call_id, function=function, error=error, **common)
            case [Text(text=text)]:
                yield ChatMessageUser(content=text, **common)
            case _:
                yield ChatMessageUser(content=list(_contents(part)), **common)


def key_of(*part: Block) -> str:
    """Return the id of the message of Inspect that has these blocks of a user message."""
    return Message("user", part).key


def _parts(message: Message) -> list[list[Block]]:
    """Return the blocks of a user message in groups: each tool result, and the other blocks between tool results."""
    parts: list[list[Block]] = []
    for is_result, group in groupby(message.blocks, lambda block: isinstance(block, ToolResult)):
        blocks = list(group)
        parts += [[block] for block in blocks] if is_result else [blocks]
    return parts or [[]]


def error_of(result: ToolResult) -> ToolCallError | None:
    """Return the error of a tool result; None if it has none."""
    return ToolCallError("unknown", result.content) if result.is_error else None


def _assistant(message: Message) -> ChatMessageAssistant:
    kinds = ["tool_use" if isinstance(block, ToolCall) else "content" for block in message.blocks]
    # In Inspect, tool calls follow all contents.
    metadata = None if kinds == sorted(kinds) else {BLOCKS: kinds}
    return ChatMessageAssistant(
        id=message.key,
        content=list(_contents(message.blocks)),
        tool_calls=[_tool_call(call) for call in message.tool_calls] or None,
        metadata=metadata,
    )


def _tool_call(call: ToolCall) -> InspectToolCall:
    parse_error = "the arguments are not JSON" if INVALID_INPUT in call.arguments else None
    return InspectToolCall(call.id, call.name, dict(call.arguments), parse_error=parse_error)


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
                pass  # In Inspect they are not part of the content.


def output(call: ModelCall, reply: ChatMessageAssistant) -> ModelOutput:
    """Return the output of a model call."""
    choice = ChatCompletionChoice(message=reply, stop_reason=_STOPS.get(call.stop_reason, "unknown"))
    return ModelOutput(model=call.model, choices=[choice], usage=usage([call]))


def usage(calls: Iterable[ModelCall | FailedModelCall]) -> ModelUsage:
    """Return the total token usage and cost of calls. The cost is None if the cost of any call is not known.

    Inspect counts tokens read from or written to a cache separately. In the run file they are part of the input tokens.
    """
    call_list = list(calls)
    read, written = (
        sum(call.cache_read_tokens for call in call_list),
        sum(call.cache_written_tokens for call in call_list),
    )
    # Inspect has no unknown number of tokens.
    inputs = sum(call.input_tokens or 0 for call in call_list)
    outputs = sum(call.output_tokens or 0 for call in call_list)
    return ModelUsage(
        input_tokens=inputs - read - written,
        output_tokens=outputs,
        total_tokens=inputs + outputs,
        input_tokens_cache_read=read,
        input_tokens_cache_write=written,
        total_cost=known_total([call.cost_usd for call in call_list]),
    )


def tool_info(tool: ToolSpec) -> ToolInfo:
    """Return a tool in Inspect's type. Its options have the JSON Schema if Inspect's parameters cannot represent it."""
    schema = dict(tool.schema)
    parameters = ToolParams(properties=schema.get("properties", {}), required=schema.get("required", []))
    options = None if schema_of(parameters) == schema else {SCHEMA: schema}
    return ToolInfo(name=tool.name, description=tool.description, parameters=parameters, options=options)
