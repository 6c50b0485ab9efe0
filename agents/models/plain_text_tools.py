"""Tool calls in plain text, for models without native tool calls.

The tools are listed below the system prompt. The model calls one by writing

    ```tool
    {"name": "read_file", "input": {"path": "method.py"}}
    ```

and reads the result in the next message:

    ```result
    {"name": "read_file", "ok": true, "output": {"text": "..."}}
    ```
"""

import json
import re
from collections.abc import Sequence

from aarlab.agents.models.decoding import parse_arguments
from aarlab.memory.messages import INVALID_INPUT, Block, Json, Message, Text, ToolCall, ToolResult, ToolSpec

_TOOL_BLOCK = re.compile(r"^```tool[ \t]*\n(.*?)\n?^```[ \t]*$", re.MULTILINE | re.DOTALL)
_CALL_ID = re.compile(r"text-(\d+)")
_INSTRUCTIONS = """## Tools

To call a tool, write a block like this. Write one block for each call. The results are in the next message.

```tool
{"name": "NAME", "input": {"ARGUMENT": "VALUE"}}
```

The input is JSON on one or more lines; write line breaks inside a string as \\n. A message without such a block ends
your turn.

These are the tools, each with the JSON Schema of its input:
"""


def tool_listing(tools: Sequence[ToolSpec], instructions: str = _INSTRUCTIONS) -> str:
    """Return the description of the tools, which is appended to a system prompt; empty if there are none."""
    if not tools:
        return ""
    lines = [f"- {tool.name}: {tool.description}\n  {json.dumps(dict(tool.schema))}" for tool in tools]
    return f"{instructions}\n" + "\n".join(lines)


def message_text(message: Message, names: dict[str, str]) -> str:
    """Return a message in plain text. `names` maps call ids to tool names; the message's calls are added to it."""
    return "\n\n".join(text for block in message.blocks if (text := _block_as_text(block, names)))


def _block_as_text(block: Block, names: dict[str, str]) -> str:
    match block:
        case Text(text=text):
            return text
        case ToolCall(id=call_id, name=name, arguments=arguments):
            names[call_id] = name
            return _fence("tool", {"name": name, "input": dict(arguments)})
        case ToolResult(tool_call_id=call_id, content=content, is_error=is_error):
            result = {"name": names.get(call_id, ""), "ok": not is_error, "output": json.loads(content)}
            return _fence("result", result)
        case _:
            return ""


def _fence(kind: str, content: Json) -> str:
    return f"```{kind}\n{json.dumps(content, ensure_ascii=False)}\n```"


def call_id(number: int) -> str:
    """Return the id of a tool call with this number."""
    return f"text-{number}"


def last_call_number(messages: Sequence[Message]) -> int:
    """Return the highest number of a plain-text tool call in the messages; 0 if there is none."""
    ids = [call.id for message in messages for call in message.tool_calls]
    return max((int(number[1]) for call_id in ids if (number := _CALL_ID.fullmatch(call_id))), default=0)


def parse_blocks(text: str, *, last_number: int) -> list[Block]:
    """Return the blocks of a reply in plain text. Its tool calls are numbered from `last_number` + 1."""
    blocks: list[Block] = []
    # The pattern has one group, so every second piece is the content of a tool block.
    for index, piece in enumerate(_TOOL_BLOCK.split(text)):
        if index % 2:
            last_number += 1
            blocks.append(_parse_call(piece, last_number))
        elif piece.strip():
            blocks.append(Text(piece.strip()))
    return blocks


def _parse_call(piece: str, number: int) -> ToolCall:
    call = parse_arguments(piece)
    name, arguments = call.get("name"), call.get("input", {})
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return ToolCall(call_id(number), "unreadable", {INVALID_INPUT: piece})
    return ToolCall(call_id(number), name, arguments)
