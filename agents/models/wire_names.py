"""Ids and names of tool calls in the form that providers accept.

A conversation may have ids of another model (a fork) and names that its model invented. Providers reject the whole
request for one of them, in every later turn. Only the request is changed; the recorded conversation is not.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count

from aarlab.memory.messages import Block, Message, ToolCall, ToolResult, content_hash

_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_-]")
_MAX_ID_LENGTH = 40
"""Of OpenAI. Claude accepts longer ones."""
_MAX_NAME_LENGTH = 64
_SHORT_ID_LENGTH = 9


def safe_id(call_id: str) -> str:
    """Return the id if it has at most 40 letters, digits, `_` and `-`; else such an id that is unique to it."""
    safe = _NOT_ALLOWED.sub("_", call_id)
    if safe == call_id and 0 < len(safe) <= _MAX_ID_LENGTH:
        return call_id
    suffix = f"-{content_hash(call_id)[:10]}"
    return safe[: _MAX_ID_LENGTH - len(suffix)] + suffix


def short_id(call_id: str) -> str:
    """Return nine letters and digits that are unique to an id, as Mistral's models require."""
    if len(call_id) == _SHORT_ID_LENGTH and call_id.isascii() and call_id.isalnum():
        return call_id
    return content_hash(call_id)[:_SHORT_ID_LENGTH]


def original_id(call_id: str) -> str:
    """Return the id unchanged, for models that were trained with ids such as `functions.read_file:0`."""
    return call_id


def safe_name(name: str) -> str:
    """Return the name of a tool with at most 64 letters, digits, `_` and `-`."""
    return _NOT_ALLOWED.sub("_", name)[:_MAX_NAME_LENGTH] or "unnamed"


def with_safe_names(messages: Sequence[Message], id_form: Callable[[str], str] = safe_id) -> Sequence[Message]:
    """Return the messages with the ids and names of tool calls in a form that providers accept."""
    return [
        message
        if all(_safe_block(block, id_form) is block for block in message.blocks)
        else Message(message.speaker, tuple(_safe_block(block, id_form) for block in message.blocks))
        for message in messages
    ]


def _safe_block(block: Block, id_form: Callable[[str], str]) -> Block:
    match block:
        case ToolCall(id=call_id, name=name):
            if (call_id, name) != (id_form(call_id), safe_name(name)):
                return replace(block, id=id_form(call_id), name=safe_name(name))
        case ToolResult(tool_call_id=call_id):
            if call_id != id_form(call_id):
                return replace(block, tool_call_id=id_form(call_id))
        case _:
            pass
    return block


def with_unique_ids(calls: Sequence[ToolCall], messages: Sequence[Message]) -> Iterator[ToolCall]:
    """Yield the tool calls of a reply to `messages`, with new ids for those without an id of their own.

    Some servers number the calls of each reply from 0, or send no ids.
    """
    used = {call.id for message in messages for call in message.tool_calls}
    # After a compaction, the ids of the dropped messages are unknown, so the count alone is not unique.
    for call in calls:
        call_id = call.id
        if not call_id or call_id in used:
            call_id = next(new for number in count(len(used) + 1) if (new := f"call-{number}") not in used)
        used.add(call_id)
        yield replace(call, id=call_id)
