"""The overseer, a person or a model: its requests, its tools, and the parsing of its reply."""

import json
from collections.abc import Mapping

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.decoding import string_list
from aarlab.agents.prompts import render
from aarlab.memory.events import OversightDecision
from aarlab.memory.messages import Conversation, Json, ToolSpec, user_message

_NOTE: Mapping[str, Json] = {
    "type": "string",
    "description": "A note to the whole team, so do not name unreleased findings in it; may be empty.",
}
PROCEED = ToolSpec("proceed", "Continue the run.", {"type": "object", "properties": {"note": _NOTE}})
STOP = ToolSpec(
    "stop",
    "End the run now. The findings so far are scored.",
    {"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]},
)
RELEASE = ToolSpec(
    "release",
    "Publish these findings to the team. The other new findings stay private to their authors.",
    {
        "type": "object",
        "properties": {"findings": {"type": "array", "items": {"type": "string"}}, "note": _NOTE},
        "required": ["findings"],
    },
)


def checkpoint_request(case: Mapping[str, Json], *, round: int, rounds: int) -> Request:
    """Return the request to continue or stop the run."""
    return _request("oversee_checkpoint", case, (PROCEED, STOP), round, rounds)


def release_request(case: Mapping[str, Json], *, round: int, rounds: int) -> Request:
    """Return the request to choose the new findings that are published."""
    return _request("oversee_release", case, (RELEASE,), round, rounds)


def _request(prompt: str, case: Mapping[str, Json], tools: tuple[ToolSpec, ...], round: int, rounds: int) -> Request:
    text = render(prompt, round=round, rounds=rounds, case=json.dumps(case, indent=1))
    return Request(Conversation.begin(render("overseer")).then(user_message(text)), tools)


def parse_decision(reply: Reply) -> OversightDecision:
    """Return the decision of a reply. A reply without a tool call continues the run and releases nothing."""
    call = reply.tool_call("stop", "proceed", "release")
    if call is None:
        return OversightDecision("proceed", [], reply.message.text)
    match call.name:
        case "stop":
            return OversightDecision("stop", [], str(call.arguments.get("reason", "")))
        case "release":
            return OversightDecision(
                "release", string_list(call.arguments, "findings"), str(call.arguments.get("note", ""))
            )
        case _:
            return OversightDecision("proceed", [], str(call.arguments.get("note", "")))
