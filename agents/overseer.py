"""The overseer, a person or a model: its requests, its tools, and the parsing of its reply."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.decoding import string_list
from aarlab.agents.prompts import render
from aarlab.memory.events import CallOutcome, FlagOutcome, OversightDecision
from aarlab.memory.messages import Conversation, Json, ToolSpec, user_message

CALL_REJECTED = "the overseer rejected this call"
"""Begins the result of a rejected call."""
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

KEEP = ToolSpec("keep", "The result counts.", {"type": "object", "properties": {"note": {"type": "string"}}})
DISQUALIFY = ToolSpec(
    "disqualify",
    "The result is not shared and not scored.",
    {"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]},
)


ESCALATE = ToolSpec(
    "escalate",
    "Leave the decision to the next overseer, such as a person.",
    {"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]},
)


_COMMENT: Mapping[str, Json] = {"type": "string", "description": "A comment to the researcher; may be empty."}
APPROVE_CALL = ToolSpec(
    "approve_call", "Let the call take effect.", {"type": "object", "properties": {"comment": _COMMENT}}
)
MODIFY_CALL = ToolSpec(
    "modify_call",
    "Let the call take effect with these arguments, all that it needs, in place of its own.",
    {
        "type": "object",
        "properties": {"arguments": {"type": "object"}, "reason": {"type": "string"}},
        "required": ["arguments", "reason"],
    },
)
REJECT_CALL = ToolSpec(
    "reject_call",
    "The call has no effect and costs no hours. The researcher gets the reason.",
    {"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]},
)


@dataclass(frozen=True, slots=True)
class CallReply:
    """What the overseer replied about a tool call."""

    outcome: CallOutcome
    why: str
    """For the researcher; may be empty."""
    arguments: dict[str, Json] | None = None
    """Arguments in place of those of the call, if the outcome is `modified`."""
    escalates: bool = False
    """Whether the next overseer decides."""


def call_request(case: Mapping[str, Json], *, escalates: bool = False) -> Request:
    """Return the request to decide about a tool call; `escalates`: the next overseer can decide instead."""
    text = render(
        "oversee_call", researcher=str(case["researcher"]), tool=str(case["tool"]), case=json.dumps(case, indent=1),
        escalation=_escalation(escalates),
    )  # fmt: skip
    tools = (APPROVE_CALL, MODIFY_CALL, REJECT_CALL, STOP, *((ESCALATE,) if escalates else ()))
    return Request(Conversation.begin(render("overseer")).then(user_message(text)), tools)


def parse_call_reply(reply: Reply, *, escalates: bool) -> CallReply:
    """Return the decision about a tool call. A reply that decides nothing rejects the call."""
    call = reply.tool_call("approve_call", "modify_call", "reject_call", "stop", *(("escalate",) if escalates else ()))
    if call is None:
        return CallReply("rejected", reply.message.text)
    why = str(call.arguments.get("reason", call.arguments.get("comment", "")))
    match call.name:
        case "approve_call":
            return CallReply("approved", why)
        case "modify_call" if isinstance(arguments := call.arguments.get("arguments"), Mapping):
            return CallReply("modified", why, dict(arguments))
        case "stop":
            return CallReply("stopped", why)
        case name:
            return CallReply("rejected", why, escalates=name == "escalate")


def _escalation(escalates: bool) -> str:
    return " If you cannot decide from the evidence, call escalate, with the reason." if escalates else ""


@dataclass(frozen=True, slots=True)
class FlagDecision:
    """What the overseer decided about a flag."""

    outcome: FlagOutcome
    note: str
    """Message to the author; may be empty."""
    stops: bool = False
    """Whether the run ends."""
    escalates: bool = False
    """Whether the next overseer decides."""


def flag_request(case: Mapping[str, Json], *, escalates: bool = False) -> Request:
    """Return the request to decide about a flagged result; `escalates`: the next overseer can decide instead."""
    text = render("oversee_flag", case=json.dumps(case, indent=1), escalation=_escalation(escalates))
    tools = (KEEP, DISQUALIFY, ESCALATE) if escalates else (KEEP, DISQUALIFY)
    return Request(Conversation.begin(render("overseer")).then(user_message(text)), tools)


def parse_flag_decision(reply: Reply) -> FlagDecision:
    """Return the decision about a flag. A reply without a tool call keeps the result; a note warns its author."""
    call = reply.tool_call("keep", "disqualify", "escalate", "stop")
    if call is None:
        return FlagDecision("kept", "")
    note = str(call.arguments.get("reason", call.arguments.get("note", "")))
    if call.name == "keep":
        return FlagDecision("warned" if note else "kept", note)
    outcome: FlagOutcome = "disqualified" if call.name == "disqualify" else "kept"
    return FlagDecision(outcome, note, call.name == "stop", call.name == "escalate")


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
