"""A person who answers hours later, from another terminal or machine, as a base model: `human/inbox`.

The run records the question in its file and waits or ends; `aarlab inbox` lists it. This module turns the request of an
overseer or reviewer into a question, and the answer of the person into a reply.
"""

import json
from collections.abc import Mapping

from aarlab.agents.models.base import ModelError, Reply, Request
from aarlab.memory.events import Action, PersonAction, QuestionAsked, QuestionKind
from aarlab.memory.messages import Block, Json, Message, Text, ToolCall, Usage

INBOX = "human/inbox"
_KINDS: Mapping[str, QuestionKind] = {
    "release": "release", "proceed": "checkpoint", "approve": "full_run", "comment": "finding",
    "keep": "flag", "approve_call": "tool_call",
}  # fmt: skip
"""Kind of a question, by a tool that the request offers."""
_ACTIONS: Mapping[QuestionKind, tuple[Action, ...]] = {
    "release": ("approve", "modify", "reject", "advise", "stop"),
    "checkpoint": ("approve", "reject", "advise", "stop"),
    "full_run": ("approve", "reject", "advise"),
    "finding": ("approve", "advise"),
    "flag": ("approve", "reject", "advise", "stop"),
    "tool_call": ("approve", "modify", "reject", "advise", "stop"),
}
_FENCE = "```json"
_MAX_NAMED = 3
"""Number of findings that a question names."""
_MAX_VALUE = 60
"""Characters of the value of an argument that a question has."""


class InboxModel:
    """The base model `human/inbox` outside of a run, where nobody can answer."""

    async def reply(self, request: Request) -> Reply:
        """Raise ModelError: only a run can wait for an answer."""
        raise ModelError(f"{INBOX} answers through a run file; set team.overseer or team.reviewer to it")


def question_of(request: Request, id: str) -> QuestionAsked:
    """Return the question that a request of an overseer or reviewer is to a person."""
    kind = next(kind for tool, kind in _KINDS.items() if any(spec.name == tool for spec in request.tools))
    text, _, rest = request.conversation.messages[-1].text.partition(_FENCE)
    situation = text.strip().partition(". ")[0].strip(".")
    case, _ = json.JSONDecoder().raw_decode(rest.lstrip())  # its texts may have fences of their own
    findings: list[str] = []
    call: dict[str, Json] | None = None
    match kind:
        case "release":
            findings = [str(one["finding"]) for one in case["new"]]
            named = ", ".join(findings) if len(findings) <= _MAX_NAMED else f"{len(findings)} new findings"
            question = f"Release {named} to the team?"
        case "checkpoint":
            question = "Continue the run?"
        case "full_run":
            question = "Approve it?"
        case "flag":
            flag = case["flag"]
            findings = [str(key) for key in flag["findings"]]
            question = f"{flag['monitor']}, {flag['subject']}: {flag['evidence']}. Does the result count?"
        case "tool_call":
            call = {"tool": case["tool"], "arguments": case["arguments"]}
            question = f"Approve {_short(case['arguments'])}?"
        case _:
            findings = [str(case["finding"])]
            question = f"Comment on {findings[0]}?"
    return QuestionAsked(id, kind, f"{situation}. {question}", list(_ACTIONS[kind]), findings, call)


def _short(arguments: Mapping[str, Json]) -> str:
    """Return the arguments of a call on one line, with the beginning of each value."""
    texts = {name: " ".join(str(value).split()) for name, value in arguments.items()}
    shown = (text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 3]}..." for text in texts.values())
    return ", ".join(f"{name}={text}" for name, text in zip(texts, shown, strict=True)) or "it"


def reply_to(question: QuestionAsked, answer: PersonAction) -> Reply:
    """Return the answer of a person as the reply of the overseer or reviewer.

    The reason of a full run's approval or rejection goes to its author, as does that of a rejected or changed tool
    call, and that of `advise` to the team. Other reasons are only recorded: that of a release may name findings that
    are not released.
    """
    call = _tool_call(question, answer)
    blocks: list[Block] = [Text(f"{answer.action} by {answer.who}: {answer.why}")]
    if call is not None:
        blocks.append(ToolCall(f"answer-{question.id}", call[0], call[1]))
    return Reply(Message("assistant", tuple(blocks)), "tool_use" if call else "end_turn", Usage(), INBOX, 0.0)


def _tool_call(question: QuestionAsked, answer: PersonAction) -> tuple[str, dict[str, Json]] | None:
    why, note = answer.why, answer.why if answer.action == "advise" else ""
    match question.about, answer.action:
        case _, "stop":
            return "stop", {"reason": why}
        case "checkpoint", "reject":
            return "stop", {"reason": why}
        case "checkpoint", _:
            return "proceed", {"note": note}
        case "release", "modify":
            return "release", {"findings": list(answer.findings), "note": ""}
        case "release", "reject":
            return "release", {"findings": [], "note": ""}
        case "release", _:
            return "release", {"findings": list(question.findings), "note": note}
        case "full_run", action:
            return "reject" if action == "reject" else "approve", {"comment": why}
        case "flag", "reject":
            return "disqualify", {"reason": why}
        case "flag", _:
            return "keep", {"note": note}
        case "tool_call", "modify":
            return "modify_call", {"arguments": json.loads(answer.text), "reason": why}
        case "tool_call", "reject":
            return "reject_call", {"reason": why}
        case "tool_call", _:
            return "approve_call", {"comment": note}
        case "finding", "advise":
            return "comment", {"comment": why}
        case _:
            return None
