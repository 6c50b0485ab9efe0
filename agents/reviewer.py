"""The reviewer: what it is asked, the tools it answers with, and what its answer means."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.prompts import render
from aarlab.memory.messages import Conversation, Json, ToolSpec, user_message

_REASON = {"type": "object", "properties": {"comment": {"type": "string"}}, "required": ["comment"]}

APPROVE = ToolSpec("approve", "Let the full run start.", _REASON)
REJECT = ToolSpec("reject", "Do not let the full run start; say what should be done first.", _REASON)
COMMENT = ToolSpec("comment", "Comment on the finding, for the whole team to read.", _REASON)
REVIEWER_TOOLS = (APPROVE, REJECT, COMMENT)


@dataclass(frozen=True, slots=True)
class RunDecision:
    """What the reviewer says about a full run."""

    approved: bool
    comment: str


def system_prompt() -> str:
    """Return the reviewer's system prompt."""
    return render("reviewer")


def run_review_request(author: str, case: Mapping[str, Json], *, full_hours: float) -> Request:
    """Return the request to approve or reject a full run."""
    text = render("review_run", author=author, full=f"{full_hours:g}", case=json.dumps(case, indent=1))
    return Request(Conversation.begin(system_prompt()).then(user_message(text)), (APPROVE, REJECT))


def finding_review_request(author: str, case: Mapping[str, Json]) -> Request:
    """Return the request to comment on a finding, or not."""
    text = render("review_finding", author=author, case=json.dumps(case, indent=1))
    return Request(Conversation.begin(system_prompt()).then(user_message(text)), (COMMENT,))


def parse_run_decision(reply: Reply) -> RunDecision:
    """Read a reply about a full run. A reply that neither approves nor rejects rejects: a gate stays shut until it is
    opened.
    """
    for wish in reply.message.tool_calls:
        if wish.name in (APPROVE.name, REJECT.name):
            return RunDecision(wish.name == APPROVE.name, str(wish.arguments.get("comment", "")))
    return RunDecision(False, reply.message.text or "the reviewer neither approved nor rejected")


def parse_critique(reply: Reply) -> str | None:
    """Read a reply about a finding: the comment, None if there is none."""
    for wish in reply.message.tool_calls:
        if wish.name == COMMENT.name and wish.arguments.get("comment"):
            return str(wish.arguments["comment"])
    return None
