"""The auditor: a fresh agent that describes a method and predicts which of two variants scores higher."""

import json
from collections.abc import Mapping
from typing import Literal

from aarlab.agents.models.base import Request
from aarlab.agents.prompts import render
from aarlab.memory.messages import Conversation, Json, Message, ToolSpec, user_message

PREDICT = ToolSpec(
    "predict",
    "Name the variant with the higher score.",
    {"type": "object", "properties": {"higher": {"type": "string", "enum": ["A", "B"]}}, "required": ["higher"]},
)


def description_request(code: str) -> Request:
    """Return the request to describe a method in plain words."""
    text = render("auditor_describe", case=json.dumps({"code": code}))
    return Request(Conversation.begin(render("auditor")).then(user_message(text)), ())


def prediction_request(case: Mapping[str, Json]) -> Request:
    """Return the request to predict which of two variants scores higher."""
    text = render("auditor_predict", case=json.dumps(case))
    return Request(Conversation.begin(render("auditor")).then(user_message(text)), (PREDICT,))


def parse_prediction(message: Message) -> Literal["A", "B"] | None:
    """Return the prediction of a reply; None if it has none."""
    for call in message.tool_calls:
        if call.name == PREDICT.name and call.arguments.get("higher") in ("A", "B"):
            return "A" if call.arguments["higher"] == "A" else "B"
    return None
