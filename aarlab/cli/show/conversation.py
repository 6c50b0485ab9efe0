"""The conversation of one agent: system prompt, messages, replies, tool calls and results, with hours and costs."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from aarlab.cli.formatting import hours_text, printable, shortened
from aarlab.cli.show.display_options import DisplayOptions, structure_summary
from aarlab.cli.show.layout import Indented
from aarlab.cli.show.values import omission_notice, one_line, plain_or_none, render_json, render_value
from aarlab.memory.events import (
    LAB,
    TEAM,
    AgentSetup,
    Borrowed,
    Decision,
    Edge,
    Evaluation,
    Event,
    Experiment,
    FileWritten,
    Finding,
    LogEntry,
    ModelCall,
    Nomination,
    NotebookEntry,
    Prompted,
    ReviewDecision,
    RoundStarted,
    TaskAssigned,
    ToolExecution,
    WorkAssigned,
)
from aarlab.memory.messages import ToolCall, ToolResult, is_hash
from aarlab.memory.run_reader import RunReader

_SECTION_LINES = 16
"""Lines of each section of a system prompt, so that the start of every section is shown."""
_MESSAGE_LINES = 20
_THINKING_LINES = 6
_REPLY_LINES = 200
_SECTION = re.compile(r"^(?=## )", re.MULTILINE)
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_JSON_FENCE = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHOWN_BY_MESSAGES: tuple[type[Event], ...] = (
    WorkAssigned, TaskAssigned, Borrowed, Edge, Evaluation, Experiment, FileWritten, Finding, Nomination, NotebookEntry,
)  # fmt: skip
"""Events that are not shown, because messages and tool results have the same content."""


def conversation(file: RunReader, agent: str, round: int | None, options: DisplayOptions) -> Iterator[RenderableType]:
    """Yield the structure of the run and the conversation of an agent; if `round` is given, only that round."""
    view = ConversationView(file, agent, options, is_researcher=agent in file.researchers())
    last_round = sum(1 for _ in file.entries(RoundStarted))
    shown_round = -1
    if round is None and (structure := structure_summary(file)).plain:
        yield structure
    for entry in file.entries(stream=agent, round=round):
        if entry.round != shown_round:
            shown_round = entry.round
            yield Text()
            name = f"round {shown_round}" if shown_round <= last_round else "close"
            yield Rule(Text(name if shown_round else "setup", style="bold"), style="dim")
        yield from view.render(entry)
    if shown_round < 0:
        yield Text(f"{agent} has no events" + ("." if round is None else f" in round {round}."))


@dataclass(slots=True)
class ConversationView:
    """Renders one event after the other, and keeps tool calls until their results."""

    file: RunReader
    agent: str
    options: DisplayOptions
    is_researcher: bool
    open_calls: dict[str, ToolCall] = field(default_factory=dict)
    """Tool calls without a result yet, by id."""
    executions: dict[str, tuple[ToolExecution, float]] = field(default_factory=dict)
    """Tool executions and their research hours, by id of the call."""

    def render(self, entry: LogEntry) -> Iterator[RenderableType]:
        """Yield the rendered event; nothing if other events show its content."""
        match entry.event:
            case AgentSetup() as setup:
                yield from self._setup(setup, entry.hours)
            case Prompted() as prompted:
                yield from self._message_view(prompted, entry)
            case ModelCall() as call:
                yield from self._reply(call, entry)
            case ToolExecution() as call:
                self.executions[call.tool_call_id] = call, entry.hours
                if call.tool_call_id not in self.open_calls:
                    yield _head(entry.hours, f"run by the system: {call.tool}", hours_text(call.cost_hours), "yellow")
                    yield _indented(Text(printable(call.summary)))
            case ReviewDecision() as review:
                verdict, style = ("approves", "green") if review.approved else ("rejects", "red")
                yield _head(entry.hours, f"reviewer {verdict}", hours_text(review.cost_hours), style)
                yield _indented(Text(printable(review.comment)))
            case Decision(taken_by=taker) as decision:
                if self.is_researcher and (taker == "agent" or decision.decision == "direction"):
                    return
                kind, choice = decision.decision.replace("_", " "), shortened(decision.choice, self.options.width)
                yield _indented(Text(f"decision by {taker}: {kind}: {choice}", style="dim"))
            case event if self.agent in (TEAM, LAB) or not isinstance(event, _SHOWN_BY_MESSAGES):
                yield from self._generic_event(event, entry)
            case _:
                pass

    def _generic_event(self, event: Event, entry: LogEntry) -> Iterator[RenderableType]:
        """Yield the name and the fields of an event of any kind."""
        name = _CAPITAL.sub(" ", type(event).__name__).lower()
        fields = {
            key: self._resolve_hash(value) for key, value in event.to_json().items() if value not in (None, "", [])
        }
        hours = fields.pop("cost_hours", None)
        note = "" if hours is None else hours_text(hours)
        line = one_line(fields)
        if line is not None and len(line) + len(name) + len(note) < self.options.width - 16:
            # Many of these events can follow each other, so short ones take one line.
            yield Text.assemble(_step_heading_text(entry.hours, name, note, "blue"), f"  {line}")
            return
        yield _head(entry.hours, name, note, "blue")
        yield _indented(render_value(fields, self.options))

    def _resolve_hash(self, value: Any) -> Any:
        """Return the text or message with this hash; other values unchanged."""
        if not is_hash(value):
            return value
        for read in (self.file.text, lambda key: self.file.message(key).text):
            with suppress(KeyError):
                text = read(value)
                # Code starts with its docstring.
                first_line = text.strip().partition("\n")[0].removeprefix('"""').removesuffix('"""')
                return text if self.options.full else shortened(first_line, self.options.width)
        return value

    def _is_side_call(self, role: str) -> bool:
        """Return whether a call in a researcher's stream is to another role, such as a reviewer.

        The outcome is shown as a review or a tool result.
        """
        return self.is_researcher and role != "researcher"

    def _step(self, role: str, entry: LogEntry) -> str:
        """Return the position of a message of a researcher as `aarlab fork --edit` takes it; empty for others."""
        return f"{entry.stream}:{entry.ordinal}" if self.is_researcher and role == "researcher" else ""

    def _setup(self, setup: AgentSetup, hours: float) -> Iterator[RenderableType]:
        yield _head(hours, f"{self.agent} is set up", f"{setup.role}, {setup.model}", "magenta")
        if setup.direction is not None:
            yield _indented(Text.assemble(("direction: ", "dim"), printable(setup.direction)))
        if setup.neighbours is not None:
            yield _indented(Text.assemble(("reads posts of: ", "dim"), ", ".join(setup.neighbours) or "none"))
        if setup.senior is not None:
            yield _indented(Text.assemble(("senior of the team: ", "dim"), setup.senior))
        tools = [printable(str(tool["name"])) for tool in json.loads(self.file.text(setup.tools))]
        yield _indented(Text.assemble(("tools: ", "dim"), ", ".join(tools) or "none"))
        for section in _SECTION.split(self.file.text(setup.system)):
            yield Padding(self._prose(section, _SECTION_LINES), (1, 0, 0, 0), expand=False)

    def _message_view(self, prompted: Prompted, entry: LogEntry) -> Iterator[RenderableType]:
        message = self.file.message(prompted.message)
        is_side_call = self._is_side_call(prompted.role)
        if is_side_call and not self.options.full:
            return
        if message.text:
            step = self._step(prompted.role, entry)
            yield _head(entry.hours, f"{prompted.role if is_side_call else self.agent} receives", step, "magenta")
            yield self._prose(message.text, _MESSAGE_LINES)
        for result in message.tool_results:
            yield from self._result(result, entry)

    def _reply(self, call: ModelCall, entry: LogEntry) -> Iterator[RenderableType]:
        is_side_call = self._is_side_call(call.role)
        if is_side_call and not self.options.full:
            return
        reply = self.file.message(call.reply)
        note = ", ".join(filter(None, (self._step(call.role, entry) if reply.text else "", _usage(call))))
        yield _head(entry.hours, f"{call.role if is_side_call else self.agent} replies", note, "cyan")
        if reply.thinking:
            cut, omitted = self.options.cut(reply.thinking.strip(), _THINKING_LINES)
            cut = printable(cut) + (" …" if omitted else "")
            yield _indented(plain_or_none(cut) or Text(cut, style="dim italic"))
        if reply.text:
            cut, omitted = self.options.cut(reply.text.strip(), _REPLY_LINES)
            cut = printable(cut)
            yield _indented(Group(plain_or_none(cut) or Text(cut), *omission_notice(omitted)))
        for tool_call in reply.tool_calls:
            self.open_calls[tool_call.id] = tool_call
            yield _indented(Text.assemble(("▸ ", "yellow"), (printable(tool_call.name), "bold yellow")))
            if tool_call.arguments:
                yield _indented(render_value(dict(tool_call.arguments), self.options), 4)

    def _result(self, result: ToolResult, entry: LogEntry) -> Iterator[RenderableType]:
        tool_call = self.open_calls.pop(result.tool_call_id, None)
        execution, hours = self.executions.pop(result.tool_call_id, (None, entry.hours))
        name = tool_call.name if tool_call is not None else execution.tool if execution is not None else "tool"
        failed = result.is_error or (execution is not None and not execution.ok)
        heading = f"{printable(name)} {'returns an error' if failed else 'returns'}"
        cost = "" if execution is None else hours_text(execution.cost_hours)
        yield _head(hours, heading, cost, "red" if failed else "green")
        yield _indented(render_json(result.content, self.options))

    def _prose(self, text: str, lines: int) -> RenderableType:
        """Return rendered Markdown, with blocks of JSON rendered like tool results."""
        parts: list[RenderableType] = []
        # Every second piece is the content of a JSON fence.
        for index, piece in enumerate(_JSON_FENCE.split(text)):
            if index % 2:
                parts.append(render_json(piece, self.options))
                continue
            cut, omitted = self.options.cut(piece.strip("\n"), lines)
            parts.append(plain_or_none(printable(cut)) or _markdown(printable(cut)))
            if omitted:
                parts += omission_notice(omitted)
                break
        return _indented(Group(*parts))


def _markdown(text: str) -> RenderableType:
    from rich.markdown import Markdown  # here, because its import takes as long as a page

    return Markdown(text)


def _head(hours: float, heading: str, note: str, style: str) -> RenderableType:
    """Return the heading of a step, with a blank line above it."""
    return Padding(_step_heading_text(hours, heading, note, style), (1, 0, 0, 0), expand=False)


def _step_heading_text(hours: float, heading: str, note: str, style: str) -> Text:
    """Return the research hours, the heading and a note in brackets."""
    text = Text.assemble((f"{hours:5.1f} h  ", "dim"), (heading, f"bold {style}"))
    if note:
        text.append(f"  ({note})", "dim")
    return text


def _indented(part: RenderableType, columns: int = 0) -> RenderableType:
    return Indented(part, 9 + columns)


def _usage(call: ModelCall) -> str:
    parts = [hours_text(call.cost_hours)]
    if call.input_tokens is None or call.output_tokens is None:
        parts.append("tokens unknown")
    elif call.input_tokens or call.output_tokens:
        cached = f" ({call.cache_read_tokens:,} from cache)" if call.cache_read_tokens else ""
        parts.append(f"{call.input_tokens:,} tokens in{cached}, {call.output_tokens:,} out")
    if call.cost_usd:
        parts.append(f"${call.cost_usd:.4f}")
    return ", ".join(parts)
