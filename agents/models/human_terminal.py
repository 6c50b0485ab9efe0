"""A person plays the part: reads on the terminal what a model would be shown, and answers at its prompt."""

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO
from weakref import WeakKeyDictionary

from aarlab.agents.models.base import ModelError, Reply, Request
from aarlab.memory.messages import Block, Json, Message, Text, ToolCall, ToolResult, ToolSpec, Usage

_HELP = "Type a message, or the name or number of a tool. An empty line ends your turn."
_LONG_TEXT_HELP = "Type lines and end with a single dot, or @FILE to take them from a file."
_END = "."


class HumanModel:
    """Whoever sits at the terminal, as one agent's base model."""

    def __init__(self, agent: str, source: TextIO | None = None, screen: TextIO | None = None) -> None:
        """Play the part of `agent`; read from `source` and write to `screen`: standard input and error by default."""
        self._agent = agent
        self._source, self._screen = source or sys.stdin, screen or sys.stderr
        self._shown = 0
        """Messages of the conversation that have been shown."""

    async def reply(self, request: Request) -> Reply:
        """Show what is new and read an answer.

        Raises:
            ModelError: There is nobody: the input has come to its end.
        """
        async with _terminal_lock():
            blocks = await _run_in_thread(lambda: self._read_reply(request))
        uses = any(isinstance(block, ToolCall) for block in blocks)
        message = Message("assistant", blocks)
        return Reply(message, "tool_use" if uses else "end_turn", Usage(), "human/terminal", 0.0)

    def _read_reply(self, request: Request) -> tuple[Block, ...]:
        self._show(request)
        answer: list[Block] = []
        turn = sum(len(message.tool_calls) for message in request.conversation.messages)
        while line := self._read_line(f"{self._agent}> "):
            tool = _tool_named(line, request.tools)
            if tool is None:
                answer.append(Text(line))
                continue
            answer.append(ToolCall(f"person-{turn + 1}", tool.name, self._read_arguments(tool)))
            break
        return tuple(answer)

    def _show(self, request: Request) -> None:
        messages = request.conversation.messages
        # A reviewer is asked anew each time; a researcher's conversation goes on.
        known = self._shown if len(messages) > self._shown else 0
        if not known:
            self._print(f"\n=== You are {self._agent} ===\n\n{request.conversation.system}")
        for message in messages[known:]:
            if message.speaker == "user":
                self._print("\n--- " + ("tool results" if message.tool_results else "message") + " ---")
                self._print("\n".join(_block_text(block) for block in message.blocks))
        self._shown = len(messages)
        listed = [f"{n:3} {tool.name:<16} {_first_sentence(tool)}" for n, tool in enumerate(request.tools, start=1)]
        self._print("\n" + "\n".join([*listed, _HELP]))

    def _read_arguments(self, tool: ToolSpec) -> dict[str, Json]:
        fields: Mapping[str, Json] = tool.schema.get("properties", {})
        required = tool.schema.get("required", ())
        arguments: dict[str, Json] = {}
        for name, schema in fields.items():
            about = " ".join(str(schema.get("description", "")).split())
            kinds = schema.get("enum") or schema.get("type") or "a value"
            optional = "" if name in required else ", optional"
            self._print(f"  {name} ({kinds}{optional}): {about}")
            text = self._read_text() if name in ("text", "body") else self._read_line(f"  {name}> ")
            if text or name in required:
                arguments[name] = _value(text, schema)
        return arguments

    def _read_text(self) -> str:
        self._print(f"  {_LONG_TEXT_HELP}")
        lines: list[str] = []
        while (line := self._read_line("  | ", strip=False)) != _END:
            if not lines and line.startswith("@"):
                try:
                    return Path(line[1:].strip()).expanduser().read_text(encoding="utf-8")
                except (OSError, UnicodeDecodeError) as error:
                    self._print(f"  {line[1:].strip()} cannot be read: {error}")
                    continue
            lines.append(line)
        return "\n".join(lines)

    def _read_line(self, prompt: str, *, strip: bool = True) -> str:
        self._screen.write(prompt)
        self._screen.flush()
        line = self._source.readline()
        if not line:
            raise ModelError(f"human/terminal: no input for {self._agent}; run it at a terminal")
        return line.strip() if strip else line.rstrip("\n")

    def _print(self, text: str) -> None:
        self._screen.write(_visible(text) + "\n")
        self._screen.flush()


_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


def _terminal_lock() -> asyncio.Lock:
    """Return the lock that is held while a person is asked: two prompts at once are none."""
    return _locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())


async def _run_in_thread(work: Callable[[], tuple[Block, ...]]) -> tuple[Block, ...]:
    """Do work that waits for a person in a thread that nobody waits for when the run is stopped."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[Block, ...]] = loop.create_future()

    def deliver(set_it: Callable[[], None]) -> None:
        if not done.done():
            set_it()

    def run() -> None:
        try:
            blocks = work()
        except Exception as error:
            failure = error
            loop.call_soon_threadsafe(deliver, lambda: done.set_exception(failure))
        else:
            loop.call_soon_threadsafe(deliver, lambda: done.set_result(blocks))

    threading.Thread(target=run, daemon=True).start()
    return await done


def _visible(text: str) -> str:
    """Return text without control characters: what agents write must not steer the reader's terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _tool_named(line: str, tools: tuple[ToolSpec, ...]) -> ToolSpec | None:
    if line.isdigit() and 1 <= int(line) <= len(tools):
        return tools[int(line) - 1]
    return next((tool for tool in tools if tool.name == line), None)


def _first_sentence(tool: ToolSpec) -> str:
    return " ".join(tool.description.split()).partition(". ")[0]


def _block_text(block: Block) -> str:
    match block:
        case Text(text=text):
            return text
        case ToolResult(content=content):
            return json.dumps(json.loads(content), indent=1, ensure_ascii=False).replace("\\n", "\n")
        case _:
            return ""


def _value(text: str, schema: Mapping[str, Json]) -> Json:
    """Return what was typed as the schema wants it; what does not fit is left to the tool to refuse."""
    if schema.get("type") == "string" or "enum" in schema:
        return text
    try:
        return json.loads(text)
    except ValueError:
        # A list of names is typed as names.
        return text.replace(",", " ").split() if schema.get("type") == "array" else text
