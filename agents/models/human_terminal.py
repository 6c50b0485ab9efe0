"""A person at the terminal as a base model: the terminal shows the request, and the person types the reply."""

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
_LONG_TEXT_HELP = "Type lines and end with a single dot, or type @FILE to read the text from a file."
_END = "."


class HumanModel:
    """A person at the terminal, as one agent's base model."""

    def __init__(self, agent: str, source: TextIO | None = None, screen: TextIO | None = None) -> None:
        """Reply for `agent`, from `source` to `screen` (default: standard input and standard error)."""
        self._agent = agent
        self._source, self._screen = source or sys.stdin, screen or sys.stderr
        self._shown = 0
        """Number of messages of the conversation already shown."""

    async def reply(self, request: Request) -> Reply:
        """Show the new messages and return the typed reply. Raises ModelError at the end of the input."""
        async with _terminal_lock():
            blocks = await _run_in_thread(lambda: self._read_reply(request))
        message = Message("assistant", blocks)
        stop_reason = "tool_use" if message.tool_calls else "end_turn"
        return Reply(message, stop_reason, Usage(), "human/terminal", 0.0)

    def _read_reply(self, request: Request) -> tuple[Block, ...]:
        self._show(request)
        answer: list[Block] = []
        calls = sum(len(message.tool_calls) for message in request.conversation.messages)
        while line := self._read_line(f"{self._agent}> "):
            tool = _tool_named(line, request.tools)
            if tool is None:
                answer.append(Text(line))
                continue
            answer.append(ToolCall(f"person-{calls + 1}", tool.name, self._read_arguments(tool)))
            break
        return tuple(answer)

    def _show(self, request: Request) -> None:
        messages = request.conversation.messages
        # Each request to a reviewer starts a new conversation; a researcher's conversation continues.
        shown = self._shown if len(messages) > self._shown else 0
        if not shown:
            self._print(f"\n=== You are {self._agent} ===\n\n{request.conversation.system}")
        for message in messages[shown:]:
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
                except (OSError, UnicodeDecodeError, RuntimeError) as error:  # RuntimeError: no such home folder
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
    """Return the lock that keeps two agents from using the terminal at the same time."""
    return _locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())


async def _run_in_thread(work: Callable[[], tuple[Block, ...]]) -> tuple[Block, ...]:
    """Run `work` in a daemon thread, so that a stopped run does not wait for the person."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[tuple[Block, ...]] = loop.create_future()

    def deliver(set_result: Callable[[], None]) -> None:
        if not result.done():
            set_result()

    def run() -> None:
        try:
            blocks = work()
        except Exception as error:
            failure = error
            loop.call_soon_threadsafe(deliver, lambda: result.set_exception(failure))
        else:
            loop.call_soon_threadsafe(deliver, lambda: result.set_result(blocks))

    threading.Thread(target=run, daemon=True).start()
    return await result


def _visible(text: str) -> str:
    """Return text without control characters, so that agents cannot send escape sequences to the terminal."""
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
    """Return the typed text as a value of the schema's type, or unchanged, so that the tool reports the error."""
    if schema.get("type") == "string" or "enum" in schema:
        return text
    try:
        return json.loads(text)
    except ValueError:
        # People type a list of names without JSON quotes.
        return text.replace(",", " ").split() if schema.get("type") == "array" else text
