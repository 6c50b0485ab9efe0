"""One agent's conversation, in order: brief, thought, tool call, result, with research hours and costs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from aarlab.memory.events import Brief, Decision, ModelCall, Ruling, Told, ToolCall
from aarlab.memory.messages import ToolResult, ToolUse
from aarlab.memory.runfile import Entry, RunFile
from aarlab.show.reading import Reading
from aarlab.show.values import left_out, readable, readable_json
from aarlab.wording import hours_text, printable, shortened

_BRIEF_LINES = 14
_TOLD_LINES = 20
_JSON_FENCE = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def conversation(file: RunFile, agent: str, round: int | None, reading: Reading) -> Iterator[RenderableType]:
    """Yield what was said to and by an agent, of one round only if `round` is given."""
    speaker = _Speaker(file, agent, reading)
    shown_round = -1
    for entry in file.entries(stream=agent):
        if round is not None and entry.round != round:
            continue
        if entry.round != shown_round:
            shown_round = entry.round
            yield Text()
            yield Rule(Text("briefing" if shown_round == 0 else f"round {shown_round}", style="bold"), style="dim")
        yield from speaker.tell(entry)
    if shown_round < 0:
        yield Text(f"Nothing happened to {agent}" + ("." if round is None else f" in round {round}."))


@dataclass(slots=True)
class _Speaker:
    """Tells one entry after the other, and remembers which tool calls wait for their results."""

    file: RunFile
    agent: str
    reading: Reading
    waiting: dict[str, ToolUse] = field(default_factory=dict)
    """Tool uses by id."""
    used: dict[str, tuple[ToolCall, float]] = field(default_factory=dict)
    """What became of them, and when, by id."""

    def tell(self, entry: Entry) -> Iterator[RenderableType]:
        match entry.event:
            case Brief() as brief:
                yield from self._brief(brief)
            case Told() as told:
                yield from self._told(told, entry)
            case ModelCall() as call:
                yield from self._spoken(call, entry)
            case ToolCall() as call:
                self.used[call.tool_use_id] = call, entry.hours
                if call.tool_use_id not in self.waiting:
                    yield _head(entry.hours, f"the lab uses {call.tool}", f"{hours_text(call.cost_hours)}", "yellow")
                    yield _indented(Text(printable(call.summary)))
            case Ruling() as ruling:
                verdict = ("approves", "green") if ruling.approved else ("rejects", "red")
                yield _head(entry.hours, f"the reviewer {verdict[0]}", hours_text(ruling.cost_hours), verdict[1])
                yield _indented(Text(printable(ruling.comment)))
            case Decision(taken_by=decider) as decision if decider != "agent" and decision.decision != "direction":
                words = (
                    f"decided by the {decider}: {decision.decision} = {shortened(decision.choice, self.reading.width)}"
                )
                yield _indented(Text(words, style="dim"))
            case _:
                pass

    def _brief(self, brief: Brief) -> Iterator[RenderableType]:
        yield _head(0.0, f"{self.agent} is briefed", f"{brief.role}, {brief.model}", "magenta")
        if brief.direction is not None:
            yield _indented(Text.assemble(("direction: ", "dim"), printable(brief.direction)))
        yield self._prose(self.file.text(brief.system), _BRIEF_LINES)

    def _told(self, told: Told, entry: Entry) -> Iterator[RenderableType]:
        message = self.file.message(told.message)
        # What the reviewer is shown of a researcher's plan is the plan again; its ruling says the rest.
        if told.role == "reviewer" and self.agent != "reviewer":
            return
        if message.text:
            yield _head(entry.hours, f"{self.agent} is told", "", "magenta")
            yield self._prose(message.text, _TOLD_LINES)
        for result in message.tool_results:
            yield from self._result(result, entry)

    def _spoken(self, call: ModelCall, entry: Entry) -> Iterator[RenderableType]:
        if call.role == "reviewer" and self.agent != "reviewer":
            return
        reply = self.file.message(call.reply)
        yield _head(entry.hours, f"{self.agent} thinks", _price(call), "cyan")
        if reply.text:
            yield _indented(Text(printable(reply.text.strip())))
        for use in reply.tool_uses:
            self.waiting[use.id] = use
            yield _indented(Text.assemble(("▸ ", "yellow"), (printable(use.name), "bold yellow")))
            if use.arguments:
                yield _indented(readable(dict(use.arguments), self.reading), 4)

    def _result(self, result: ToolResult, entry: Entry) -> Iterator[RenderableType]:
        use = self.waiting.pop(result.tool_use_id, None)
        call, hours = self.used.pop(result.tool_use_id, (None, entry.hours))
        name = use.name if use is not None else call.tool if call is not None else "a tool"
        failed = result.is_error or (call is not None and not call.ok)
        what = f"{printable(name)} {'answers with an error' if failed else 'answers'}"
        cost = "" if call is None else hours_text(call.cost_hours)
        yield _head(hours, what, cost, "red" if failed else "green")
        yield _indented(readable_json(result.content, self.reading))

    def _prose(self, text: str, lines: int) -> RenderableType:
        """Return Markdown for reading, its blocks of JSON laid out as the results of tools are."""
        parts: list[RenderableType] = []
        # Every second piece is what stands in a fence.
        for place, piece in enumerate(_JSON_FENCE.split(text)):
            if place % 2:
                parts.append(readable_json(piece, self.reading))
                continue
            cut, more = self.reading.cut(printable(piece).strip("\n"), lines)
            parts.append(Markdown(cut))
            if more:
                rest = len(text.split("\n")) - lines
                parts += left_out(rest, "line")
                break
        return _indented(Group(*parts))


def _head(hours: float, what: str, aside: str, style: str) -> RenderableType:
    """Return the line that opens a step: when, who does what, and what it took."""
    text = Text.assemble((f"{hours:5.1f} h  ", "dim"), (what, f"bold {style}"))
    if aside:
        text.append(f"  ({aside})", "dim")
    return Padding(text, (1, 0, 0, 0), expand=False)


def _indented(part: RenderableType, columns: int = 0) -> RenderableType:
    return Padding(part, (0, 0, 0, 9 + columns), expand=False)


def _price(call: ModelCall) -> str:
    parts = [hours_text(call.cost_hours)]
    if call.input_tokens or call.output_tokens:
        parts.append(f"{call.input_tokens:,} tokens in, {call.output_tokens:,} out")
    if call.cost_usd:
        parts.append(f"${call.cost_usd:.4f}")
    return ", ".join(parts)
