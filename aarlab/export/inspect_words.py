"""What passed between agents and base models, in the words of Inspect. Needs the extra `inspect`."""

import json
from collections.abc import Iterable, Iterator

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
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

from aarlab.memory.events import FailedCall, ModelCall
from aarlab.memory.messages import HiddenThinking, Message, Text, Thinking, ToolResult, ToolUse

_STOPS: dict[str, StopReason] = {
    "end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "max_tokens", "refusal": "content_filter",
}  # fmt: skip


def chat(message: Message, tools: dict[str, str]) -> list[ChatMessage]:
    """Return a message as Inspect has it: results of tools are messages of their own there.

    Args:
        message: One turn.
        tools: Names of the tools that were used so far, by the id of the use; the message's own are added.
    """
    if message.speaker == "assistant":
        return [_assistant(message, tools)]
    found: list[ChatMessage] = []
    for number, result in enumerate(message.tool_results):
        found.append(
            ChatMessageTool(
                id=f"{message.key}.{number}",
                content=result.content,
                tool_call_id=result.tool_use_id,
                function=tools.get(result.tool_use_id),
                error=error_of(result),
            )
        )
    if message.text or not found:
        found.append(ChatMessageUser(id=message.key, content=message.text))
    return found


def error_of(result: ToolResult) -> ToolCallError | None:
    """Return what a tool complained of, None if it did not."""
    return ToolCallError("unknown", result.content) if result.is_error else None


def _assistant(message: Message, tools: dict[str, str]) -> ChatMessageAssistant:
    tools |= {use.id: use.name for use in message.tool_uses}
    return ChatMessageAssistant(
        id=message.key,
        content=list(_contents(message)),
        tool_calls=[ToolCall(use.id, use.name, dict(use.arguments)) for use in message.tool_uses] or None,
    )


def _contents(message: Message) -> Iterator[Content]:
    for block in message.blocks:
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


def tool_infos(definitions: str) -> list[ToolInfo]:
    """Return the tools an agent was offered, from their definitions as the run file keeps them."""
    return [
        ToolInfo(
            name=tool["name"],
            description=tool["description"],
            parameters=ToolParams(
                properties=tool["input_schema"].get("properties", {}),
                required=tool["input_schema"].get("required", []),
            ),
        )
        for tool in json.loads(definitions)
    ]
