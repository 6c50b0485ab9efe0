"""The overseer, a person or a model in a person's place: what it is asked, and what its answer means."""

import json
from collections.abc import Mapping

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.prompts import render
from aarlab.memory.events import OversightDecision
from aarlab.memory.messages import Conversation, Json, ToolSpec, user_message

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


def checkpoint_request(case: Mapping[str, Json], *, round: int, rounds: int) -> Request:
    """Return the request to let the work go on or to stop it."""
    return _request("oversee_checkpoint", case, (PROCEED, STOP), round, rounds)


def release_request(case: Mapping[str, Json], *, round: int, rounds: int) -> Request:
    """Return the request to say which new findings the team may see."""
    return _request("oversee_release", case, (RELEASE,), round, rounds)


def _request(prompt: str, case: Mapping[str, Json], tools: tuple[ToolSpec, ...], round: int, rounds: int) -> Request:
    text = render(prompt, round=round, rounds=rounds, case=json.dumps(case, indent=1))
    return Request(Conversation.begin(render("overseer")).then(user_message(text)), tools)


def parse_decision(reply: Reply) -> OversightDecision:
    """Read a reply. One that decides nothing lets the work go on, and releases nothing: a gate stays shut."""
    for wish in reply.message.tool_calls:
        match wish.name:
            case "stop":
                return OversightDecision("stop", [], str(wish.arguments.get("reason", "")))
            case "proceed":
                return OversightDecision("proceed", [], str(wish.arguments.get("note", "")))
            case "release":
                named = wish.arguments.get("findings")
                findings = [str(finding) for finding in named] if isinstance(named, list) else []
                return OversightDecision("release", findings, str(wish.arguments.get("note", "")))
            case _:
                pass
    return OversightDecision("proceed", [], reply.message.text)
