"""The reviewer: its requests, its tools, and the parsing of its reply."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.prompts import render
from aarlab.agents.team_goal import SUPERVISION, TeamGoal
from aarlab.memory.messages import Conversation, Json, ToolSpec, user_message

_COMMENT = {"type": "object", "properties": {"comment": {"type": "string"}}, "required": ["comment"]}

APPROVE = ToolSpec("approve", "Approve the full run.", _COMMENT)
REJECT = ToolSpec("reject", "Reject the full run, and say what to do first.", _COMMENT)
COMMENT = ToolSpec("comment", "Comment on the finding. The whole team can read the comment.", _COMMENT)


@dataclass(frozen=True, slots=True)
class RunDecision:
    """The reviewer's decision about a full run."""

    approved: bool
    comment: str


def system_prompt(goal: TeamGoal = SUPERVISION) -> str:
    """Return the reviewer's system prompt."""
    teacher = "- Does the method use the teacher?\n" if goal.uses_teacher else ""
    return render("reviewer", subject=goal.subject, scoring=goal.scoring, teacher=teacher)


def run_review_request(
    author: str, case: Mapping[str, Json], *, full_hours: float, goal: TeamGoal = SUPERVISION
) -> Request:
    """Return the request to approve or reject a full run."""
    text = render("review_run", author=author, full=f"{full_hours:g}", case=json.dumps(case, indent=1))
    return Request(Conversation.begin(system_prompt(goal)).then(user_message(text)), (APPROVE, REJECT))


def finding_review_request(author: str, case: Mapping[str, Json], goal: TeamGoal = SUPERVISION) -> Request:
    """Return the request to review a finding. The reviewer may reply without a comment."""
    text = render("review_finding", author=author, case=json.dumps(case, indent=1))
    return Request(Conversation.begin(system_prompt(goal)).then(user_message(text)), (COMMENT,))


def parse_run_decision(reply: Reply) -> RunDecision:
    """Return the decision about a full run. A reply that neither approves nor rejects counts as a rejection."""
    call = reply.tool_call(APPROVE.name, REJECT.name)
    if call is None:
        return RunDecision(False, reply.message.text or "the reviewer neither approved nor rejected")
    return RunDecision(call.name == APPROVE.name, str(call.arguments.get("comment", "")))


def parse_critique(reply: Reply) -> str | None:
    """Return the comment of a reply about a finding; None if there is none."""
    for call in reply.message.tool_calls:
        if call.name == COMMENT.name and call.arguments.get("comment"):
            return str(call.arguments["comment"])
    return None
