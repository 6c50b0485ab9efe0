"""The checks of real servers on a request, with the texts of their errors."""

import re
from collections.abc import Iterator
from typing import Any

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_CLAUDE_FIELDS = {
    "text": {"type", "text", "cache_control"},
    "thinking": {"type", "thinking", "signature"},
    "redacted_thinking": {"type", "data"},
    "tool_use": {"type", "id", "name", "input", "cache_control"},
    "tool_result": {"type", "tool_use_id", "content", "is_error", "cache_control"},
}
_OPENAI_FIELDS = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls"},
    "tool": {"role", "content", "tool_call_id"},
}


def anthropic_faults(body: dict[str, Any]) -> Iterator[str]:
    """Yield the errors of the Messages API in a request."""
    used: set[str] = set()
    open_ids: set[str] = set()
    for m, message in enumerate(body["messages"]):
        results = {block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"}
        if message["role"] == "user" and (missing := open_ids - results):
            yield (
                f"messages.{m - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(sorted(missing))}. Each `tool_use` block must have a corresponding `tool_result` block in "
                "the next message."
            )
        open_ids = set()
        for b, block in enumerate(message["content"]):
            kind = block["type"]
            where = f"messages.{m}.content.{b}"
            yield from (
                f"{where}.{kind}.{field}: Extra inputs are not permitted"
                for field in block.keys() - _CLAUDE_FIELDS[kind]
            )
            if kind == "text" and not block["text"].strip():
                yield "messages: text content blocks must contain non-whitespace text"
            if kind == "tool_use":
                if not re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"]):
                    yield f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
                if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", block["name"]):
                    yield f"{where}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
                if block["id"] in used:
                    yield f"{where}: `tool_use` ids must be unique"
                used.add(block["id"])
                open_ids.add(block["id"])


def openai_faults(body: dict[str, Any], allowed_fields: frozenset[str]) -> Iterator[str]:
    """Yield the errors of the chat completions API in a request; messages may also have `allowed_fields`."""
    open_ids: set[str] = set()
    for m, message in enumerate(body["messages"]):
        allowed = _OPENAI_FIELDS[message["role"]] | allowed_fields
        yield from (
            f"'messages.{m}' : for 'role:{message['role']}' the following must be satisfied[('messages.{m}' : property "
            f"'{field}' is unsupported)]"
            for field in message.keys() - allowed
        )
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_ids:
                yield "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
            open_ids.discard(message["tool_call_id"])
        elif open_ids:
            yield (
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_ids)}"
            )
        for c, call in enumerate(message.get("tool_calls", ())):
            where = f"messages[{m}].tool_calls[{c}]"
            if not 0 < len(call["id"]) <= 40:
                yield f"Invalid '{where}.id': string too long. Expected a string with maximum length 40."
            if not re.fullmatch(r"[a-zA-Z0-9_-]+", call["id"]):
                yield f"Invalid '{where}.id': expected an ID that contains letters, numbers, underscores, or dashes."
            if not _NAME.fullmatch(call["function"]["name"]):
                yield (
                    f"Invalid '{where}.function.name': string does not match pattern. Expected a string that matches "
                    "the pattern '^[a-zA-Z0-9_-]+$'."
                )
            open_ids.add(call["id"])
