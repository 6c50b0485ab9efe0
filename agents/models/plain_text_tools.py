"""Tools in plain text, for models that have no form of their own for them.

The tools are listed below the system prompt. The model uses one by writing

    ```tool
    {"name": "read_file", "input": {"path": "method.py"}}
    ```

and reads what came of it in the next message, as

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

To use a tool, write a block like this, one for each use, and wait for the results in the next message:

```tool
{"name": "NAME", "input": {"ARGUMENT": "VALUE"}}
```

The input is JSON on as many lines as you like; line breaks inside a string are written as \\n. A message without such
a block ends your turn.

These are the tools, each with the JSON Schema of its input:
"""


def tool_listing(tools: Sequence[ToolSpec]) -> str:
    """Return what is said of tools below a system prompt; nothing where there are none."""
    if not tools:
        return ""
    lines = [f"- {tool.name}: {tool.description}\n  {json.dumps(dict(tool.schema))}" for tool in tools]
    return f"{_INSTRUCTIONS}\n" + "\n".join(lines)


def message_text(message: Message, names: dict[str, str]) -> str:
    """Return a message in plain text. `names` holds the tool of each use by its id; uses are added to it."""
    return "\n\n".join(piece for block in message.blocks if (piece := _block_as_text(block, names)))


def _block_as_text(block: Block, names: dict[str, str]) -> str:
    match block:
        case Text(text=text):
            return text
        case ToolCall(id=key, name=name, arguments=arguments):
            names[key] = name
            return _fence("tool", {"name": name, "input": dict(arguments)})
        case ToolResult(tool_call_id=key, content=content, is_error=failed):
            return _fence("result", {"name": names.get(key, ""), "ok": not failed, "output": json.loads(content)})
        case _:
            return ""


def _fence(kind: str, content: Json) -> str:
    return f"```{kind}\n{json.dumps(content, ensure_ascii=False)}\n```"


def last_call_number(messages: Sequence[Message]) -> int:
    """Return the number of the last tool use in plain text, 0 if there was none; what went before may have left."""
    numbers = [found[1] for message in messages for use in message.tool_calls if (found := _CALL_ID.fullmatch(use.id))]
    return max(map(int, numbers), default=0)


def parse_blocks(text: str, *, last_number: int) -> list[Block]:
    """Return the blocks of an answer in plain text; `last_number` is the number of the last tool use before it."""
    blocks: list[Block] = []
    # Every second piece is what stands in a fence.
    for place, piece in enumerate(_TOOL_BLOCK.split(text)):
        if place % 2:
            last_number += 1
            blocks.append(_parse_call(piece, last_number))
        elif piece.strip():
            blocks.append(Text(piece.strip()))
    return blocks


def _parse_call(piece: str, number: int) -> ToolCall:
    call = parse_arguments(piece)
    name, arguments = call.get("name"), call.get("input", {})
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return ToolCall(f"text-{number}", "unreadable", {INVALID_INPUT: piece})
    return ToolCall(f"text-{number}", name, arguments)
