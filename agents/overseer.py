"""The overseer, a person or a model in a person's place: what it is asked, and what its answer means."""

import json
from collections.abc import Mapping

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.prompts import render
from aarlab.memory.events import Oversight
from aarlab.memory.messages import Conversation, Json, ToolSpec, user

_NOTE: Mapping[str, Json] = {"type": "string", "description": "For the team; empty if there is nothing to say."}
PROCEED = ToolSpec("proceed", "Let the work go on.", {"type": "object", "properties": {"note": _NOTE}})
STOP = ToolSpec(
    "stop",
    "End the work now; what has been found is scored.",
    {"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]},
)
RELEASE = ToolSpec(
    "release",
    "Let the team see these findings; the others stay with their authors.",
    {
        "type": "object",
        "properties": {"findings": {"type": "array", "items": {"type": "string"}}, "note": _NOTE},
        "required": ["findings"],
    },
)


def ask_to_proceed(case: Mapping[str, Json], *, round: int, rounds: int) -> Request:
    """Return the request to let the work go on or to stop it."""
    return _asked("oversee_checkpoint", case, (PROCEED, STOP), round, rounds)


def ask_to_release(case: Mapping[str, Json], *, round: int, rounds: int) -> Request:
    """Return the request to say which new findings the team may see."""
    return _asked("oversee_release", case, (RELEASE,), round, rounds)


def _asked(prompt: str, case: Mapping[str, Json], tools: tuple[ToolSpec, ...], round: int, rounds: int) -> Request:
    words = render(prompt, round=round, rounds=rounds, case=json.dumps(case, indent=1))
    return Request(Conversation.begin(render("overseer")).then(user(words)), tools)


def decision(reply: Reply) -> Oversight:
    """Read a reply. One that decides nothing lets the work go on, and releases nothing: a gate stays shut."""
    for wish in reply.message.tool_uses:
        match wish.name:
            case "stop":
                return Oversight("stop", [], str(wish.arguments.get("reason", "")))
            case "proceed":
                return Oversight("proceed", [], str(wish.arguments.get("note", "")))
            case "release":
                named = wish.arguments.get("findings")
                findings = [str(finding) for finding in named] if isinstance(named, list) else []
                return Oversight("release", findings, str(wish.arguments.get("note", "")))
            case _:
                pass
    return Oversight("proceed", [], reply.message.text)
