"""A move of a simulated agent: what it says and which tools it uses."""

from dataclasses import dataclass

from aarlab.agents.models.base import Reply
from aarlab.memory.messages import Json, Message, Text, ToolCall, Usage

ProposedCall = tuple[str, dict[str, Json]]
"""A tool by name, with its arguments."""


@dataclass(frozen=True, slots=True)
class Action:
    """What it says and which tools it uses."""

    text: str
    calls: tuple[ProposedCall, ...] = ()


def action_reply(action: Action, turn: int, model: str) -> Reply:
    """Return a move as a model's reply. Simulated models use no tokens and cost nothing."""
    wishes = tuple(ToolCall(f"t{turn}.{i}", name, arguments) for i, (name, arguments) in enumerate(action.calls))
    stop_reason = "tool_use" if wishes else "end_turn"
    return Reply(Message("assistant", (Text(action.text), *wishes)), stop_reason, Usage(), model, 0.0)
