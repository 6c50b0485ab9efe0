"""The librarian: its request, its tool, and the parsing of its reply."""

import json
from collections.abc import Sequence

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.decoding import string_list
from aarlab.agents.prompts import render
from aarlab.agents.team_goal import SUPERVISION, TeamGoal
from aarlab.memory.messages import Conversation, Json, ToolSpec, user_message

MAX_FINDINGS = 5
ANSWER = ToolSpec(
    "answer",
    "Answer the question.",
    {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "findings": {"type": "array", "items": {"type": "string"}, "maxItems": MAX_FINDINGS},
        },
        "required": ["text", "findings"],
    },
)


def question_request(question: str, findings: Sequence[Json], goal: TeamGoal = SUPERVISION) -> Request:
    """Return the request to answer a question from findings."""
    # A question on one line cannot imitate the block of findings.
    text = render("librarian_question", question=" ".join(question.split()), findings=json.dumps(list(findings)))
    return Request(Conversation.begin(render("librarian", subject=goal.subject)).then(user_message(text)), (ANSWER,))


def parse_answer(reply: Reply) -> tuple[str, list[str]]:
    """Return the text of an answer and the ids of the findings it names."""
    call = reply.tool_call(ANSWER.name)
    if call is None:
        return reply.message.text, []
    return str(call.arguments.get("text", "")), string_list(call.arguments, "findings")[:MAX_FINDINGS]
