"""The planner: the team's base model, asked to write ideas or directions before the work begins."""

from collections.abc import Mapping
from typing import Literal

from aarlab.agents.models.base import ModelError, Reply
from aarlab.agents.prompts import render
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


def system_prompt(**details: object) -> str:
    """Return the planner's system prompt."""
    return render("planner", **details)


def plan_message(what: PlanKind, count: int, *, revision: bool = False) -> str:
    """Return the message that asks for ideas or directions; `revision` asks to criticise a list and write it anew."""
    return render(f"plan_{what}{'_revision' if revision else ''}", count=count)


def parse_plan(reply: Reply, what: PlanKind) -> list[tuple[str, list[str]]]:
    """Return what was written: texts, each with the families it points at, none for an idea.

    Raises:
        ModelError: The reply holds nothing of the kind.
    """
    tool = TOOLS[what].name
    for wish in reply.message.tool_calls:
        listed = wish.arguments.get(what) if wish.name == tool else None
        if isinstance(listed, list):
            entries = [entry if isinstance(entry, dict) else {"text": entry} for entry in listed]
            texts = [(str(e.get("text", "")).strip(), [str(f) for f in e.get("families", [])]) for e in entries]
            if texts := [(text, families) for text, families in texts if text]:
                return texts
    raise ModelError(f"the base model was asked to use {tool} and wrote no {what}; try again or another model")
