"""Tool calls as JSON that the server enforces with `response_format`, for models without reliable tool calls.

The tools are listed below the system prompt. Each reply is one JSON object: a tool call,

    {"name": "read_file", "input": {"path": "method.py"}}

or a message, which ends the turn:

    {"name": "end_turn", "input": {"message": "I am done."}}
"""

import json
from collections.abc import Mapping, Sequence

from aarlab.agents.models import plain_text_tools
from aarlab.agents.models.decoding import parse_arguments
from aarlab.memory.messages import INVALID_INPUT, Block, Json, Message, Text, ToolCall, ToolSpec

_INSTRUCTIONS = """## Tools

Reply with one JSON object and nothing else. To call a tool:

{"name": "NAME", "input": {"ARGUMENT": "VALUE"}}

The result is in the next message. To end your turn, or to answer in words:

{"name": "end_turn", "input": {"message": "TEXT"}}

These are the tools, each with the JSON Schema of its input:
"""
_END_TURN = "end_turn"
_CHARACTERS_PER_TOKEN = 2
"""Characters that a string may have for each token of a reply. Texts have more, so that calls are rarely cut off."""
_MESSAGE: Json = {
    "type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"],
    "additionalProperties": False,
}  # fmt: skip


def tool_listing(tools: Sequence[ToolSpec]) -> str:
    """Return the description of the tools, which is appended to a system prompt; empty if there are none."""
    return plain_text_tools.tool_listing(tools, _INSTRUCTIONS)


def response_format(tools: Sequence[ToolSpec], max_tokens: int) -> Json:
    """Return the field `response_format` of a request: a call of one of the tools, or a message.

    Strings are bounded by `max_tokens`, the limit of the reply: weak models do not end them.
    """
    inputs = {**{tool.name: dict(tool.schema) for tool in tools}, _END_TURN: _MESSAGE}
    calls = [
        {
            "type": "object",
            "properties": {"name": {"const": name}, "input": _bounded(schema, _CHARACTERS_PER_TOKEN * max_tokens)},
            "required": ["name", "input"],
            "additionalProperties": False,
        }
        for name, schema in inputs.items()
    ]
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": {"anyOf": calls}}}


def _bounded(schema: Json, length: int) -> Json:
    """Return a JSON Schema whose strings have at most `length` characters."""
    if isinstance(schema, list):
        return [_bounded(item, length) for item in schema]
    if not isinstance(schema, dict):
        return schema
    bounded = {name: _bounded(value, length) for name, value in schema.items()}
    if bounded.get("type") == "string" and "enum" not in bounded:
        bounded["maxLength"] = min(bounded.get("maxLength", length), length)
    return bounded


def message_text(message: Message, names: dict[str, str]) -> str:
    """Return a message in plain text: a reply has one JSON object for each block.

    `names` maps call ids to tool names; the message's calls are added to it.
    """
    if message.speaker == "user":
        return plain_text_tools.message_text(message, names)
    lines: list[Json] = []
    for block in message.blocks:
        match block:
            case Text(text=text):
                lines.append({"name": _END_TURN, "input": {"message": text}})
            case ToolCall(id=call_id, name=name, arguments=arguments):
                names[call_id] = name
                lines.append({"name": name, "input": dict(arguments)})
            case _:
                pass
    return "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)


def parse_blocks(text: str, *, last_number: int, complete: bool) -> list[Block]:
    """Return the block of a reply. A tool call gets the number after `last_number`.

    Args:
        text: The reply. Text that is not JSON is a message: the server does not enforce the schema.
        last_number: Highest number of a tool call so far.
        complete: Whether the reply was not cut off. A call that was cut off is a message.
    """
    fields = parse_arguments(text.strip())
    name, arguments = fields.get("name"), fields.get("input", {})
    if name == _END_TURN and isinstance(arguments, Mapping) and isinstance(arguments.get("message"), str):
        return [Text(arguments["message"])] if arguments["message"].strip() else []
    if isinstance(name, str):
        arguments = dict(arguments) if isinstance(arguments, Mapping) else {INVALID_INPUT: text}
        return [ToolCall(plain_text_tools.call_id(last_number + 1), name, arguments)]
    if complete and text.lstrip().startswith("{"):
        return [ToolCall(plain_text_tools.call_id(last_number + 1), "unreadable", {INVALID_INPUT: text})]
    return [Text(text)] if text.strip() else []
