"""One agent's conversation, in order: brief, thought, tool call, result, with research hours and costs."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from aarlab.cli.formatting import hours_text, printable, shortened
from aarlab.cli.show.display_options import DisplayOptions, structure_summary
from aarlab.cli.show.layout import Indented
from aarlab.cli.show.values import omission_notice, one_line, render_json, render_value
from aarlab.memory.events import (
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
    ToolExecution,
    WorkAssigned,
)
from aarlab.memory.messages import ToolCall, ToolResult, is_hash
from aarlab.memory.run_reader import RunReader

_SECTION_LINES = 16
"""Lines of each section of a brief: what its end says, such as how the work is organised, matters as much."""
_MESSAGE_LINES = 20
_THOUGHT_LINES = 6
_SECTION = re.compile(r"^(?=## )", re.MULTILINE)
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_JSON_FENCE = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHOWN_BY_MESSAGES: tuple[type[Event], ...] = (
    WorkAssigned, Borrowed, Edge, Evaluation, Experiment, FileWritten, Finding, Nomination, NotebookEntry,
)  # fmt: skip
"""What stands in an agent's stream beside the messages, calls and answers that tell it already."""


def conversation(file: RunReader, agent: str, round: int | None, options: DisplayOptions) -> Iterator[RenderableType]:
    """Yield what was said to and by an agent, of one round only if `round` is given."""
    view = ConversationView(file, agent, options, is_researcher=agent in file.researchers())
    last_round = sum(1 for _ in file.entries(RoundStarted))
    shown_round = -1
    if (structure := structure_summary(file)).plain:
        yield structure
    for entry in file.entries(stream=agent, round=round):
        if entry.round != shown_round:
            shown_round = entry.round
            yield Text()
            name = f"round {shown_round}" if shown_round <= last_round else "the close"
            yield Rule(Text(name if shown_round else "briefing", style="bold"), style="dim")
        yield from view.render(entry)
    if shown_round < 0:
        yield Text(f"Nothing happened to {agent}" + ("." if round is None else f" in round {round}."))


@dataclass(slots=True)
class ConversationView:
    """Tells one entry after the other, and remembers which tool calls wait for their results."""

    file: RunReader
    agent: str
    options: DisplayOptions
    is_researcher: bool
    waiting: dict[str, ToolCall] = field(default_factory=dict)
    """Tool uses by id."""
    used: dict[str, tuple[ToolExecution, float]] = field(default_factory=dict)
    """What became of them, and when, by id."""

    def render(self, entry: LogEntry) -> Iterator[RenderableType]:
        """Yield what there is to read of an event, if anything."""
        match entry.event:
            case AgentSetup() as brief:
                yield from self._brief(brief)
            case Prompted() as told:
                yield from self._message_view(told, entry)
            case ModelCall() as call:
                yield from self._reply(call, entry)
            case ToolExecution() as call:
                self.used[call.tool_call_id] = call, entry.hours
                if call.tool_call_id not in self.waiting:
                    yield _head(entry.hours, f"the lab uses {call.tool}", f"{hours_text(call.cost_hours)}", "yellow")
                    yield _indented(Text(printable(call.summary)))
            case ReviewDecision() as ruling:
                verdict = ("approves", "green") if ruling.approved else ("rejects", "red")
                yield _head(entry.hours, f"the reviewer {verdict[0]}", hours_text(ruling.cost_hours), verdict[1])
                yield _indented(Text(printable(ruling.comment)))
            case Decision(taken_by=decider) as decision:
                if self.is_researcher and (decider == "agent" or decision.decision == "direction"):
                    return
                kind, choice = decision.decision.replace("_", " "), shortened(decision.choice, self.options.width)
                yield _indented(Text(f"decided by the {decider}: {kind}: {choice}", style="dim"))
            case event if self.agent == TEAM or not isinstance(event, _SHOWN_BY_MESSAGES):
                yield from self._generic_event(event, entry)
            case _:
                pass

    def _generic_event(self, event: Event, entry: LogEntry) -> Iterator[RenderableType]:
        """Tell an event by its name and fields, whatever they are."""
        name = _CAPITAL.sub(" ", type(event).__name__).lower()
        fields = {
            key: self._resolve_hash(value) for key, value in event.to_json().items() if value not in (None, "", [])
        }
        hours = fields.pop("cost_hours", None)
        aside = "" if hours is None else hours_text(hours)
        line = one_line(fields)
        if line is not None and len(line) + len(name) + len(aside) < self.options.width - 16:
            # Many of these come in rows; on a line each they can be skimmed.
            yield Text.assemble(_step_heading_text(entry.hours, name, aside, "blue"), f"  {line}")
            return
        yield _head(entry.hours, name, aside, "blue")
        yield _indented(render_value(fields, self.options))

    def _resolve_hash(self, value: Any) -> Any:
        """Return what the run file keeps under a hash in place of the hash."""
        if not is_hash(value):
            return value
        for kept in (self.file.text, lambda key: self.file.message(key).text):
            with suppress(KeyError):
                text = kept(value)
                return text if self.options.full else shortened(text.strip().partition("\n")[0], self.options.width)
        return value

    def _is_side_call(self, role: str) -> bool:
        """Whether somebody else is asked on a researcher's behalf, such as a reviewer about its plan.

        What comes of it is told where it matters: as a ruling, or as a tool's answer.
        """
        return self.is_researcher and role != "researcher"

    def _brief(self, brief: AgentSetup) -> Iterator[RenderableType]:
        yield _head(0.0, f"{self.agent} is briefed", f"{brief.role}, {brief.model}", "magenta")
        if brief.direction is not None:
            yield _indented(Text.assemble(("direction: ", "dim"), printable(brief.direction)))
        if brief.neighbours is not None:
            yield _indented(Text.assemble(("neighbours: ", "dim"), ", ".join(brief.neighbours) or "nobody"))
        tools = [printable(str(tool["name"])) for tool in json.loads(self.file.text(brief.tools))]
        yield _indented(Text.assemble(("tools: ", "dim"), ", ".join(tools) or "none"))
        for section in _SECTION.split(self.file.text(brief.system)):
            yield Padding(self._prose(section, _SECTION_LINES), (1, 0, 0, 0), expand=False)

    def _message_view(self, told: Prompted, entry: LogEntry) -> Iterator[RenderableType]:
        message = self.file.message(told.message)
        aside = self._is_side_call(told.role)
        if aside and not self.options.full:
            return
        if message.text:
            yield _head(entry.hours, f"the {told.role} is told" if aside else f"{self.agent} is told", "", "magenta")
            yield self._prose(message.text, _MESSAGE_LINES)
        for result in message.tool_results:
            yield from self._result(result, entry)

    def _reply(self, call: ModelCall, entry: LogEntry) -> Iterator[RenderableType]:
        aside = self._is_side_call(call.role)
        if aside and not self.options.full:
            return
        reply = self.file.message(call.reply)
        yield _head(entry.hours, f"the {call.role} thinks" if aside else f"{self.agent} thinks", _price(call), "cyan")
        if reply.thinking:
            cut, more = self.options.cut(printable(reply.thinking.strip()), _THOUGHT_LINES)
            yield _indented(Text(cut + (" …" if more else ""), style="dim italic"))
        if reply.text:
            yield _indented(Text(printable(reply.text.strip())))
        for use in reply.tool_calls:
            self.waiting[use.id] = use
            yield _indented(Text.assemble(("▸ ", "yellow"), (printable(use.name), "bold yellow")))
            if use.arguments:
                yield _indented(render_value(dict(use.arguments), self.options), 4)

    def _result(self, result: ToolResult, entry: LogEntry) -> Iterator[RenderableType]:
        use = self.waiting.pop(result.tool_call_id, None)
        call, hours = self.used.pop(result.tool_call_id, (None, entry.hours))
        name = use.name if use is not None else call.tool if call is not None else "a tool"
        failed = result.is_error or (call is not None and not call.ok)
        what = f"{printable(name)} {'answers with an error' if failed else 'answers'}"
        cost = "" if call is None else hours_text(call.cost_hours)
        yield _head(hours, what, cost, "red" if failed else "green")
        yield _indented(render_json(result.content, self.options))

    def _prose(self, text: str, lines: int) -> RenderableType:
        """Return Markdown for reading, its blocks of JSON laid out as the results of tools are."""
        parts: list[RenderableType] = []
        # Every second piece is what stands in a fence.
        for place, piece in enumerate(_JSON_FENCE.split(text)):
            if place % 2:
                parts.append(render_json(piece, self.options))
                continue
            cut, more = self.options.cut(printable(piece).strip("\n"), lines)
            parts.append(Markdown(cut))
            if more:
                rest = len(text.split("\n")) - lines
                parts += omission_notice(rest, "line")
                break
        return _indented(Group(*parts))


def _head(hours: float, what: str, aside: str, style: str) -> RenderableType:
    """Return the line that opens a step, set off from the step before."""
    return Padding(_step_heading_text(hours, what, aside, style), (1, 0, 0, 0), expand=False)


def _step_heading_text(hours: float, what: str, aside: str, style: str) -> Text:
    """Return when, who does what, and what it took."""
    text = Text.assemble((f"{hours:5.1f} h  ", "dim"), (what, f"bold {style}"))
    if aside:
        text.append(f"  ({aside})", "dim")
    return text


def _indented(part: RenderableType, columns: int = 0) -> RenderableType:
    return Indented(part, 9 + columns)


def _price(call: ModelCall) -> str:
    parts = [hours_text(call.cost_hours)]
    if call.input_tokens or call.output_tokens:
        cached = f" ({call.cache_read_tokens:,} from the cache)" if call.cache_read_tokens else ""
        parts.append(f"{call.input_tokens:,} tokens in{cached}, {call.output_tokens:,} out")
    if call.cost_usd:
        parts.append(f"${call.cost_usd:.4f}")
    return ", ".join(parts)
