"""The faults of the model server, and how they change a reply."""

import json
from dataclasses import replace

from aarlab.agents.models.base import Reply
from aarlab.memory.messages import Message, Text, ToolCall

TRANSIENT_FAULTS = ("429 later", "429", "529", "500", "reset", "cut", "garbage", "small chunks", "overloaded inside")
"""Faults after which a retry succeeds. "small chunks" is only slow."""
CORRUPTING_FAULTS = ("unknown tool", "invalid input", "refusal", "max_tokens")
"""Faults that produce a complete but unusable reply."""


def corrupted(reply: Reply, fault: str) -> Reply:
    """Return the reply with a corrupting fault applied; unchanged for another fault."""
    message = reply.message
    match fault:
        case "unknown tool":
            blocks = tuple(replace(b, name="no_such_tool") if isinstance(b, ToolCall) else b for b in message.blocks)
        case "refusal":
            blocks = (Text("I cannot help with that."), *message.blocks)
        case "max_tokens":
            blocks = (Text("Let me think about this for a very long ti"),)
        case _:
            return reply
    reason = fault if fault in ("refusal", "max_tokens") else reply.stop_reason
    return replace(reply, message=Message("assistant", blocks), stop_reason=reason)


def input_json(call: ToolCall, fault: str) -> str:
    """Return the JSON input of a tool call: truncated for "invalid input", not parsable for "malformed input"."""
    text = json.dumps(dict(call.arguments))
    match fault:
        case "invalid input":
            return text[: len(text) // 2]
        case "malformed input":
            return text[: len(text) // 2] + "\\"
        case _:
            return text


def two_pieces(text: str) -> tuple[str, str]:
    """Return a text in two halves, which arrive in separate events."""
    return text[: len(text) // 2], text[len(text) // 2 :]
