"""The lead: it writes ideas or directions before round 1, and assigns tasks in each round."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


_TASK: Mapping[str, Json] = {
    "type": "object",
    "properties": {
        "researcher": {"type": "string"},
        "text": {"type": "string"},
        "finding": {"type": "string", "description": "Id of the finding to build on, if there is one."},
    },
    "required": ["researcher", "text"],
}
ASSIGN = ToolSpec("assign_tasks", "Assign a task to each researcher.", _list_of("tasks", _TASK))


@dataclass(frozen=True, slots=True)
class Task:
    """A task of one researcher for one round."""

    text: str
    finding: str | None
    """Id of the finding to build on; None: none."""


def system_prompt(goal: TeamGoal, **details: object) -> str:
    """Return the lead's system prompt."""
    return render("lead", subject=goal.subject, scoring=goal.scoring, **details)


def group_text(number: int, groups: int, size: int) -> str:
    """Return the sentences of a system prompt about the group that the lead has, beginning with a space."""
    members = "1 researcher" if size == 1 else f"{size} researchers"
    return (
        f" It has {groups} groups with a lead each. You lead group {number}, with {members}, and see the findings of "
        "the group and of the researchers that are connected with it."
    )


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


def tasks_message(board: Mapping[str, Json], researchers: Sequence[str], *, round: int, rounds: int) -> str:
    """Return the message that asks for the tasks of a round, given the board and the researchers as JSON values."""
    text = json.dumps(board, indent=1)
    return render("lead_tasks", researchers=", ".join(researchers), board=text, round=round, rounds=rounds)


def parse_tasks(reply: Reply) -> dict[str, Task]:
    """Return the tasks of a reply by researcher; the last one counts. Empty if it assigns none."""
    tasks: dict[str, Task] = {}
    for call in reply.message.tool_calls:
        items = call.arguments.get("tasks") if call.name == ASSIGN.name else None
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and str(item.get("text", "")).strip():
                finding = item.get("finding")
                tasks[str(item.get("researcher"))] = Task(str(item["text"]).strip(), str(finding) if finding else None)
    return tasks
