"""An action of a simulated agent: its text and its tool calls."""

from dataclasses import dataclass

from aarlab.agents.models.base import Reply
from aarlab.memory.messages import Json, Message, Text, ToolCall, Usage

ProposedCall = tuple[str, dict[str, Json]]
"""A tool's name and its arguments."""


@dataclass(frozen=True, slots=True)
class Action:
    """The text and the tool calls of a reply."""

    text: str
    calls: tuple[ProposedCall, ...] = ()


def action_reply(action: Action, turn: int, model: str) -> Reply:
    """Return an action as a model's reply. Simulated models use no tokens and cost nothing."""
    calls = tuple(ToolCall(f"t{turn}.{i}", name, arguments) for i, (name, arguments) in enumerate(action.calls))
    stop_reason = "tool_use" if calls else "end_turn"
    return Reply(Message("assistant", (Text(action.text), *calls)), stop_reason, Usage(), model, 0.0)
