"""The librarian: what it is shown and asked, and what its answer means."""

import json
from collections.abc import Sequence

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.prompts import render
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


def question_request(question: str, findings: Sequence[Json]) -> Request:
    """Return the request to answer a question from findings."""
    # On one line, so that what is asked cannot be mistaken for what is known.
    text = render("librarian_question", question=" ".join(question.split()), findings=json.dumps(list(findings)))
    return Request(Conversation.begin(render("librarian")).then(user_message(text)), (ANSWER,))


def parse_answer(reply: Reply) -> tuple[str, list[str]]:
    """Read a reply: the words, and the ids of the findings that are meant."""
    for wish in reply.message.tool_calls:
        if wish.name == ANSWER.name:
            named = wish.arguments.get("findings")
            findings = [str(finding) for finding in named] if isinstance(named, list) else []
            return str(wish.arguments.get("text", "")), findings[:MAX_FINDINGS]
    return reply.message.text, []
