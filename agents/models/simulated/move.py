"""A move of a simulated agent: what it says and which tools it uses."""

from dataclasses import dataclass

from aarlab.agents.models.base import Reply
from aarlab.memory.messages import Json, Message, Text, ToolUse, Usage

Call = tuple[str, dict[str, Json]]
"""A tool by name, with its arguments."""


@dataclass(frozen=True, slots=True)
class Move:
    """What it says and which tools it uses."""

    words: str
    calls: tuple[Call, ...] = ()


def spoken_reply(move: Move, turn: int, model: str) -> Reply:
    """Return a move as a model's reply. Simulated models use no tokens and cost nothing."""
    wishes = tuple(ToolUse(f"t{turn}.{i}", name, arguments) for i, (name, arguments) in enumerate(move.calls))
    stop_reason = "tool_use" if wishes else "end_turn"
    return Reply(Message("assistant", (Text(move.words), *wishes)), stop_reason, Usage(), model, 0.0)
