"""Browse a run step by step: forward, back, along one agent, or to the finding of a borrowed idea."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from rich.console import RenderableType
from rich.rule import Rule
from rich.text import Text

from aarlab.cli.formatting import counted, printable, shortened
from aarlab.cli.show.agent_steps import AgentStep, agent_steps
from aarlab.cli.show.conversation import ConversationView
from aarlab.cli.show.display_options import DisplayOptions, find_agent
from aarlab.cli.show.layout import Indented
from aarlab.cli.show.values import render_json, render_value
from aarlab.config.errors import ConfigError
from aarlab.memory.events import Borrowed, Edge, Finding, LogEntry, ModelCall, Prompted
from aarlab.memory.messages import ToolCall, ToolResult
from aarlab.memory.run_reader import RunReader

HELP = """\
Enter      next step; n 10: ten steps forward
b          previous step; b 10: ten steps back
r 4        go to round 4; r 0: to the setup
a r3       show steps of r3 only; a: of all agents
o 2        open the second tool call of this step in full; o: the first
j          go to the step that posted this step's finding; j r1.f4: posted r1.f4
u          undo the last jump
q          quit"""


class StepBrowser:
    """The current position in the steps of a run, and commands that change it."""

    def __init__(self, file: RunReader, options: DisplayOptions) -> None:
        """Start at the first step."""
        self._file, self._options = file, options
        self._steps = agent_steps(file)
        self._researchers = set(file.researchers())
        self._index = 0
        self._agent: str | None = None
        """Agent to which the shown steps belong; None for all agents."""
        self._jump_origins: list[int] = []
        """Indices of the steps from which jumps started."""

    @property
    def has_steps(self) -> bool:
        """Whether the run has any step."""
        return bool(self._steps)

    def handle_command(self, command: str) -> Iterator[RenderableType]:
        """Execute a command and yield the page to show."""
        match command.split():
            case [] | ["n"]:
                yield from self._move(1)
            case ["b"]:
                yield from self._move(-1)
            case ["n", count] if count.isdigit():
                yield from self._move(int(count))
            case ["b", count] if count.isdigit():
                yield from self._move(-int(count))
            case ["r", round_] if round_.isdigit():
                yield from self._to_round(int(round_))
            case ["a"]:
                self._agent = None
                yield from self.current_step()
            case ["a", name]:
                yield from self._follow(name)
            case ["o"]:
                yield from self._tool_call_view(1)
            case ["o", number] if number.isdigit():
                yield from self._tool_call_view(int(number))
            case ["j"]:
                yield from self._jump(None)
            case ["j", finding]:
                yield from self._jump(finding)
            case ["u"]:
                yield from self._return()
            case ["?"] | ["h"] | ["help"]:
                yield Text(HELP)
            case _:
                yield _notice(f"Unknown command {shortened(command, 40)!r}; ? lists the commands.")

    def current_step(self) -> Iterator[RenderableType]:
        """Yield the current step and the commands that apply to it."""
        step, entries = self._steps[self._index], self._entries
        title = f"{step.stream}, {f'round {step.round}' if step.round else 'setup'}"
        yield Text()
        yield Rule(Text(f"{title} · step {self._index + 1:,} of {len(self._steps):,}", style="bold"), style="dim")
        view = ConversationView(self._file, step.stream, self._options, is_researcher=self._is_researcher)
        for entry in entries:
            yield from view.render(entry)
        for name in self._referenced_findings():
            yield self._origin(name)
        yield Text()
        yield Text(self._choices(), style="dim")

    def _choices(self) -> str:
        calls = [f"o {number}: {printable(call.name)}" for number, (call, _) in enumerate(self._tool_calls(), 1)]
        jump = ["j: origin of the finding"] if self._referenced_findings() else []
        undo = ["u: undo jump"] if self._jump_origins else []
        follow = f"a: all agents, not only {self._agent}" if self._agent else f"a {self._stream}: only {self._stream}"
        return " · ".join(
            ["Enter: next", "b: back", *calls, *jump, *undo, follow, "r N: round N", "?: help", "q: quit"]
        )

    # -- moving

    def _move(self, count: int) -> Iterator[RenderableType]:
        """Move by `count` of the shown steps, at most to the first or last one."""
        indices = self._followed
        # If the current step is not among the shown ones, the next step is the first after it.
        position = bisect_right(indices, self._index) - 1
        if count < 0 and (position < 0 or indices[position] != self._index):
            position += 1
        target = min(max(position + count, 0), len(indices) - 1)
        if indices[target] == self._index:
            end = "last" if count > 0 else "first"
            yield _notice(f"This is the {end} step of {'the run' if self._agent is None else self._agent}.")
            return
        self._index = indices[target]
        yield from self.current_step()

    def _to_round(self, round_: int) -> Iterator[RenderableType]:
        index = next((index for index in self._followed if self._steps[index].round >= round_), None)
        if index is None:
            last = self._steps[self._followed[-1]].round
            yield _notice(f"There are no steps from round {round_} on; the last round is {last}.")
            return
        self._index = index
        yield from self.current_step()

    def _follow(self, name: str) -> Iterator[RenderableType]:
        try:
            self._agent = find_agent(self._file, name)
        except ConfigError as error:
            yield _notice(str(error))
            return
        indices = self._followed
        self._index = next((index for index in indices if index >= self._index), indices[-1])
        yield from self.current_step()

    @property
    def _followed(self) -> list[int]:
        """Indices of the shown steps."""
        return [index for index, step in enumerate(self._steps) if self._agent in (None, step.stream)]

    # -- origins of findings

    def _jump(self, finding: str | None) -> Iterator[RenderableType]:
        """Go to the step that posted a finding; by default the first finding that this step names."""
        names = self._referenced_findings()
        if finding is None and not names:
            yield _notice("This step names no finding. j r1.f4 goes to the step that posted r1.f4.")
            return
        name = names[0] if finding is None else finding
        if name not in self._findings_by_id:
            yield _notice(f"There is no finding {shortened(name, 40)!r} in this run.")
            return
        entry, _ = self._findings_by_id[name]
        self._jump_origins.append(self._index)
        self._index = self._index_of(entry.stream, entry.ordinal)
        yield from self.current_step()

    def _return(self) -> Iterator[RenderableType]:
        if not self._jump_origins:
            yield _notice("There is no jump to undo.")
            return
        self._index = self._jump_origins.pop()
        yield from self.current_step()

    def _referenced_findings(self) -> list[str]:
        """Return the findings that the step borrows, refines, replicates or criticises, in order."""
        names = []
        for entry in self._entries:
            match entry.event:
                case Borrowed(finding=name) | Edge(target=name) if name in self._findings_by_id:
                    names.append(name)
        return list(dict.fromkeys(names))

    def _origin(self, name: str) -> RenderableType:
        entry, finding = self._findings_by_id[name]
        title = shortened(finding.title, 60)
        return Indented(Text(f"⤷ {name} “{title}”, posted by {finding.author} in round {entry.round}", style="blue"), 9)

    @cached_property
    def _findings_by_id(self) -> dict[str, tuple[LogEntry, Finding]]:
        """Every finding and its log entry, by id."""
        return {entry.event.id: (entry, entry.event) for entry in self._file.entries(Finding)}

    def _index_of(self, stream: str, ordinal: int) -> int:
        return next(
            index
            for index, step in enumerate(self._steps)
            if step.stream == stream and step.first <= ordinal <= step.last
        )

    # -- tool calls

    def _tool_call_view(self, number: int) -> Iterator[RenderableType]:
        """Yield a tool call of the step in full, with its result."""
        calls = self._tool_calls()
        if not 1 <= number <= len(calls):
            yield _notice(f"This step has {counted(len(calls), 'tool call') if calls else 'no tool call'}.")
            return
        call, result = calls[number - 1]
        options = replace(self._options, full=True)
        yield Text()
        yield Text.assemble(("▸ ", "yellow"), (printable(call.name), "bold yellow"))
        yield Indented(render_value(dict(call.arguments), options), 2)
        yield Text()
        if result is None:
            yield _notice("No result was recorded.")
            return
        yield Text("returns an error" if result.is_error else "returns", style="red" if result.is_error else "green")
        yield Indented(render_json(result.content, options), 2)

    def _tool_calls(self) -> list[tuple[ToolCall, ToolResult | None]]:
        """Return the tool calls of the step in order, with their results."""
        calls: list[ToolCall] = []
        results: dict[str, ToolResult] = {}
        for entry in self._entries:
            match entry.event:
                case Prompted(message=key):
                    results |= {result.tool_call_id: result for result in self._file.message(key).tool_results}
                case ModelCall(reply=key, role=role) if role == "researcher" or not self._is_researcher:
                    calls += self._file.message(key).tool_calls
        return [(call, results.get(call.id)) for call in calls]

    @property
    def _stream(self) -> str:
        return self._steps[self._index].stream

    @property
    def _is_researcher(self) -> bool:
        return self._stream in self._researchers

    @property
    def _entries(self) -> list[LogEntry]:
        """The events of the current step."""
        step: AgentStep = self._steps[self._index]
        return list(self._file.stream_range(step.stream, step.first, step.last))


def _notice(text: str) -> RenderableType:
    return Text(text, style="yellow")
