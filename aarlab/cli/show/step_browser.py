"""Walking through a run: one step at a time, on, back, along one agent or to where an idea came from."""

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
Enter      the next step; n 10: ten steps on
b          the step before; b 10: ten steps back
r 4        to round 4; r 0: to the briefing
a r3       follow r3 alone; a: follow everybody again
o 2        open the second tool call of this step, nothing shortened; o: the first
j          to where the finding was posted that this step borrows or speaks about; j r1.f4: to where r1.f4 was
u          back to where you jumped from
q          leave"""


class StepBrowser:
    """A person's way through a run."""

    def __init__(self, file: RunReader, options: DisplayOptions) -> None:
        """Stand at the first step."""
        self._file, self._options = file, options
        self._steps = agent_steps(file)
        self._researchers = set(file.researchers())
        self._index = 0
        self._agent: str | None = None
        """Who is followed; None: everybody."""
        self._jump_origins: list[int] = []
        """Places jumped from."""

    @property
    def has_steps(self) -> bool:
        """Whether there is a step to stand at."""
        return bool(self._steps)

    def handle_command(self, command: str) -> Iterator[RenderableType]:
        """Do what a person asks, and yield what is to be seen then."""
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
                yield from self.here()
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
                yield _notice(f"{shortened(command, 40)!r} is nothing that can be done here; ? says what can")

    def here(self) -> Iterator[RenderableType]:
        """Yield the step that the person stands at, and what can be done from it."""
        step, entries = self._steps[self._index], self._entries
        where = f"{step.stream}, {f'round {step.round}' if step.round else 'briefing'}"
        yield Text()
        yield Rule(Text(f"{where} · step {self._index + 1:,} of {len(self._steps):,}", style="bold"), style="dim")
        view = ConversationView(self._file, step.stream, self._options, is_researcher=self._is_researcher)
        for entry in entries:
            yield from view.render(entry)
        for name in self._referenced_findings():
            yield self._origin(name)
        yield Text()
        yield Text(self._choices(), style="dim")

    def _choices(self) -> str:
        uses = [f"o {number} {printable(use.name)}" for number, (use, _) in enumerate(self._tool_calls(), 1)]
        jump = ["j where it came from"] if self._referenced_findings() else []
        back = ["u back from the jump"] if self._jump_origins else []
        follow = f"following {self._agent}, a: everybody" if self._agent else f"a {self._stream} follow"
        return " · ".join(["Enter on", "b back", *uses, *jump, *back, follow, "r N round", "? help", "q leave"])

    # -- moving -----------------------------------------------------------------------------------------------------

    def _move(self, count: int) -> Iterator[RenderableType]:
        """Go so many steps of those that are followed, as far as there are any."""
        indices = self._followed
        # Where the place itself is not followed, the next step on is the first behind it.
        at = bisect_right(indices, self._index) - 1
        if count < 0 and (at < 0 or indices[at] != self._index):
            at += 1
        goal = min(max(at + count, 0), len(indices) - 1)
        if indices[goal] == self._index:
            end = "the end" if count > 0 else "the beginning"
            yield _notice(f"This is {end} of {'the run' if self._agent is None else f'what {self._agent} did'}.")
            return
        self._index = indices[goal]
        yield from self.here()

    def _to_round(self, round_: int) -> Iterator[RenderableType]:
        index = next((index for index in self._followed if self._steps[index].round >= round_), None)
        if index is None:
            yield _notice(
                f"Nothing happened in round {round_}; the last is round {self._steps[self._followed[-1]].round}."
            )
            return
        self._index = index
        yield from self.here()

    def _follow(self, name: str) -> Iterator[RenderableType]:
        try:
            self._agent = find_agent(self._file, name)
        except ConfigError as error:
            yield _notice(str(error))
            return
        indices = self._followed
        self._index = next((index for index in indices if index >= self._index), indices[-1])
        yield from self.here()

    @property
    def _followed(self) -> list[int]:
        """Places of the steps that are gone through."""
        return [index for index, step in enumerate(self._steps) if self._agent in (None, step.stream)]

    # -- along an idea ----------------------------------------------------------------------------------------------

    def _jump(self, finding: str | None) -> Iterator[RenderableType]:
        """Go to where a finding was posted: one that is named, or the first that this step borrows or speaks about."""
        meant = self._referenced_findings()
        if finding is None and not meant:
            yield _notice(
                "This step borrows nothing, and speaks about no finding. j r1.f4 goes to where r1.f4 was posted."
            )
            return
        name = meant[0] if finding is None else finding
        if name not in self._findings_by_id:
            yield _notice(f"There is no finding {shortened(name, 40)!r} in this run.")
            return
        entry, _ = self._findings_by_id[name]
        self._jump_origins.append(self._index)
        self._index = self._index_of(entry.stream, entry.ordinal)
        yield from self.here()

    def _return(self) -> Iterator[RenderableType]:
        if not self._jump_origins:
            yield _notice("You have not jumped.")
            return
        self._index = self._jump_origins.pop()
        yield from self.here()

    def _referenced_findings(self) -> list[str]:
        """Return the findings that the step borrows or speaks about, in order."""
        names = []
        for entry in self._entries:
            match entry.event:
                case Borrowed(finding=name) | Edge(target=name) if name in self._findings_by_id:
                    names.append(name)
        return list(dict.fromkeys(names))

    def _origin(self, name: str) -> RenderableType:
        entry, finding = self._findings_by_id[name]
        told = f"{name} “{shortened(finding.title, 60)}”, which {finding.author} posted in round {entry.round}"
        return Indented(Text(f"⤷ {told}", style="blue"), 9)

    @cached_property
    def _findings_by_id(self) -> dict[str, tuple[LogEntry, Finding]]:
        """Every finding by its id, with where it was posted."""
        return {entry.event.id: (entry, entry.event) for entry in self._file.entries(Finding)}

    def _index_of(self, stream: str, ordinal: int) -> int:
        return next(
            index
            for index, step in enumerate(self._steps)
            if step.stream == stream and step.first <= ordinal <= step.last
        )

    # -- looking closely --------------------------------------------------------------------------------------------

    def _tool_call_view(self, number: int) -> Iterator[RenderableType]:
        """Yield one of the step's tool calls, nothing shortened."""
        calls = self._tool_calls()
        if not 1 <= number <= len(calls):
            yield _notice(
                f"This step has {counted(len(calls), 'tool call')}." if calls else "No tool was used in this step."
            )
            return
        use, result = calls[number - 1]
        whole = replace(self._options, full=True)
        yield Text()
        yield Text.assemble(("▸ ", "yellow"), (printable(use.name), "bold yellow"))
        yield Indented(render_value(dict(use.arguments), whole), 2)
        yield Text()
        if result is None:
            yield _notice("There is no answer on tape.")
            return
        yield Text(
            "answers with an error" if result.is_error else "answers", style="red" if result.is_error else "green"
        )
        yield Indented(render_json(result.content, whole), 2)

    def _tool_calls(self) -> list[tuple[ToolCall, ToolResult | None]]:
        """Return the tools used in the step, in order, with what they answered."""
        uses: list[ToolCall] = []
        results: dict[str, ToolResult] = {}
        for entry in self._entries:
            match entry.event:
                case Prompted(message=key):
                    results |= {result.tool_call_id: result for result in self._file.message(key).tool_results}
                case ModelCall(reply=key, role=role) if role == "researcher" or not self._is_researcher:
                    uses += self._file.message(key).tool_calls
        return [(use, results.get(use.id)) for use in uses]

    @property
    def _stream(self) -> str:
        return self._steps[self._index].stream

    @property
    def _is_researcher(self) -> bool:
        return self._stream in self._researchers

    @property
    def _entries(self) -> list[LogEntry]:
        """The events of the step."""
        step: AgentStep = self._steps[self._index]
        return list(self._file.stream_range(step.stream, step.first, step.last))


def _notice(words: str) -> RenderableType:
    return Text(words, style="yellow")
