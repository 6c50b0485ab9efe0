"""The planner: the team's base model writes ideas or directions before round 1."""

from collections.abc import Mapping
from typing import Literal

from aarlab.agents.models.base import ModelError, Reply
from aarlab.agents.models.decoding import string_list
from aarlab.agents.prompts import render
from aarlab.agents.team_goal import TeamGoal
from aarlab.memory.messages import Json, ToolSpec

PlanKind = Literal["ideas", "directions"]


def _list_of(name: str, item: Mapping[str, Json]) -> Mapping[str, Json]:
    return {"type": "object", "properties": {name: {"type": "array", "items": dict(item)}}, "required": [name]}


_DIRECTION: Mapping[str, Json] = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "families": {"type": "array", "items": {"type": "string"}}},
    "required": ["text", "families"],
}
TOOLS: Mapping[PlanKind, ToolSpec] = {
    "ideas": ToolSpec("write_ideas", "Write the ideas of the pool.", _list_of("ideas", {"type": "string"})),
    "directions": ToolSpec("write_directions", "Write the directions.", _list_of("directions", _DIRECTION)),
}


def system_prompt(goal: TeamGoal, **details: object) -> str:
    """Return the planner's system prompt."""
    return render("planner", subject=goal.subject, scoring=goal.scoring, **details)


def plan_message(kind: PlanKind, count: int, *, revision: bool = False) -> str:
    """Return the message that asks for ideas or directions, or, with `revision`, for a critique and a new list."""
    return render(f"plan_{kind}{'_revision' if revision else ''}", count=count)


def parse_plan(reply: Reply, kind: PlanKind) -> list[tuple[str, list[str]]]:
    """Return the planned texts, each with its method families (none for an idea).

    Raises:
        ModelError: The reply has no such texts.
    """
    tool = TOOLS[kind].name
    for call in reply.message.tool_calls:
        items = call.arguments.get(kind) if call.name == tool else None
        if isinstance(items, list):
            entries = [item if isinstance(item, dict) else {"text": item} for item in items]
            texts = [(str(entry.get("text", "")).strip(), string_list(entry, "families")) for entry in entries]
            if texts := [(text, families) for text, families in texts if text]:
                return texts
    raise ModelError(f"the base model did not write {kind} with {tool}; try again or use another model")
