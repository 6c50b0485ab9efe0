"""The replicator: a fresh agent that writes the method of a finding again from its text alone."""

import json

from aarlab.agents.models.base import Request
from aarlab.agents.prompts import render
from aarlab.agents.team_goal import SUPERVISION, TeamGoal
from aarlab.memory.messages import Conversation, Message, ToolSpec, user_message

SUBMIT_METHOD = ToolSpec(
    "submit_method",
    "Submit the code of the method.",
    {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]},
)


def replication_request(text: str, catalogue: str, example: str, goal: TeamGoal = SUPERVISION) -> Request:
    """Return the request to write a method.

    Args:
        text: Title and body of the finding.
        catalogue: Operators of the task as a JSON list.
        example: Code of a method of the task.
        goal: Goal of the team.
    """
    system = render("replicator", subject=goal.subject, catalogue=catalogue, example=example.strip())
    question = render("replicator_finding", finding=json.dumps({"text": text}))
    return Request(Conversation.begin(system).then(user_message(question)), (SUBMIT_METHOD,))


def parse_method_code(message: Message) -> str | None:
    """Return the code of a reply; None if it has none."""
    for call in message.tool_calls:
        code = call.arguments.get("code")
        if call.name == SUBMIT_METHOD.name and isinstance(code, str) and code.strip():
            return code
    return None
