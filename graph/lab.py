"""The lab: what the nodes of the graphs work with. The graphs hold names and counters; the rest is here or in the run
file.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from aarlab.agents.models.base import Reply
from aarlab.agents.researcher import cut_off
from aarlab.graph.asking import Line
from aarlab.graph.compaction import Window, within_window
from aarlab.graph.dials.dial import Blueprint
from aarlab.graph.payroll import Hired, Payroll
from aarlab.graph.scenario import Scenario
from aarlab.memory.board import Board
from aarlab.memory.events import TEAM, Brief, Event, Told
from aarlab.memory.messages import Conversation, Message, ToolResult, ToolUse, canonical, user
from aarlab.memory.runfile import RunFile
from aarlab.memory.tape import Divergence
from aarlab.scenarios.task import Progress
from aarlab.tools.bench import Bench
from aarlab.tools.definition import Tool
from aarlab.tools.evaluator import Scorer

REVIEWER, OVERSEER, PLANNER = "reviewer", "overseer", "planner"
"""Names, and streams, of those who are not researchers."""
MOST_CUT_OFF = 2
"""How often a researcher whose answer was cut off is asked to go on before it is left to rest."""


@dataclass(slots=True)
class Desk:
    """A researcher at work: its bench, its base model and what has been said between them."""

    bench: Bench
    model: Hired
    tools: Mapping[str, Tool]
    """The tools it is offered, by name."""
    direction: str | None = None
    """The direction it was given."""
    hears: list[str] | None = None
    """Whose findings reach it; None: everybody's, where findings are shared at all."""
    conversation: Conversation = field(default_factory=lambda: Conversation.begin(""))
    assigned: bool = False
    """Whether an assignment is open."""
    assignments: int = 0
    """How many it has been given."""
    first: str = "think"
    """The node with which it begins: a thought, an assignment, or the first stage of a fixed workflow."""
    stage: str = ""
    """Where it stands in a fixed workflow."""
    repairs: int = 0
    """How often it has been sent back to repair the method at hand."""
    outcome: Mapping[str, Any] = field(default_factory=dict)
    """What came of the last experiment that the lab ran for it."""
    window: Window = field(default_factory=Window)
    """How much of the conversation its base model has to keep in mind, and may."""
    spent: bool = False
    """Whether it has met a limit: then it rests to the end."""
    briefed: Brief | None = None
    """What it has been told of who it is and what it may do."""

    def brief(self, system: str) -> None:
        """Tell the researcher who it is and what it may do, and record it, unless it has been told just that before.

        In the midst of a run, what has been said stays said.
        """
        file, before = self.bench.file, self.briefed
        tools = file.store_text(canonical([tool.spec.to_json() for tool in self.tools.values()]))
        key = file.store_text(system)
        brief = Brief("researcher", self.model.name, key, tools, self.direction, self.hears)
        if brief == before:
            return
        self.conversation = Conversation.begin(system).then(*self.conversation.messages)
        self.bench.record(brief)
        self.briefed = brief
        if before is None or before.direction != brief.direction:
            self.bench.decided("direction", self.direction or "free")

    def tell(self, message: Message) -> None:
        """Put a message before the researcher."""
        self.conversation = self.conversation.then(message)
        self.bench.record(Told("researcher", self.bench.file.store_message(message)))

    def tell_results(self, results: list[ToolResult]) -> None:
        """Hand back the results of its tools."""
        self.tell(Message("user", tuple(results)))

    def delivers(self, wishes: tuple[ToolUse, ...], results: list[ToolResult]) -> bool:
        """Close the open assignment if a finding with an experiment has been posted, and tell whether it was."""
        for wish, result in zip(wishes, results, strict=True):
            if wish.name == "post_finding" and wish.arguments.get("experiment") and not result.is_error:
                self.assigned = False
                return True
        return False

    async def think(self, offered: Mapping[str, Tool]) -> Message:
        """Let the researcher think and answer, with these tools before it."""
        reply = await self._asked(offered)
        for _ in range(MOST_CUT_OFF):
            if reply.stop_reason != "max_tokens" or reply.message.tool_uses or not self.bench.can_afford("think"):
                break
            self.tell(user(cut_off()))
            reply = await self._asked(offered)
        return reply.message

    async def _asked(self, offered: Mapping[str, Tool]) -> Reply:
        reply = await within_window(self, tuple(tool.spec for tool in offered.values()))
        self.conversation = self.conversation.then(reply.message)
        return reply


@dataclass(slots=True)
class Lab:
    """One run's team at work."""

    scenario: Scenario
    blueprint: Blueprint
    file: RunFile
    board: Board
    evaluator: Scorer
    hears: Mapping[str, Set[str]] | None
    """Whose findings reach whom; None: everybody's reach everybody."""
    reviewer: Hired | None
    overseer: Hired | None
    planner: Hired | None
    desks: dict[str, Desk]
    """By researcher, in the order of the team."""
    payroll: Payroll
    """Pays for their base models, and closes them."""
    progress: Progress | None = None
    """Told about slow preparations."""
    partings: list[Divergence] = field(default_factory=list)
    """Where researchers have parted from the tape, in a run that happens again."""
    planned: bool = False
    """Whether what the structure wants in advance has been written."""
    briefed_in: int = 0
    """The round in which everybody is briefed: 0 is before the work begins."""
    forked_after: int | None = None
    """The last round under this structure, where the run was forked then; None: it goes on to the close."""

    @property
    def rounds(self) -> int:
        """Number of rounds that the budget allows."""
        return self.scenario.rounds

    def slice_end(self, round: int) -> float:
        """Return the research hour at which a round's slice ends, for each researcher."""
        return min(round * self.scenario.budget.round_hours, self.scenario.budget.hours)

    def report(self, doing: str, share: float) -> None:
        """Tell whoever watches what is being done and the share of it that is done, in [0, 1]."""
        if self.progress is not None:
            self.progress(doing, share)

    def record(self, event: Event, *, round: int, stream: str = TEAM) -> None:
        """Write an event that happened to the team, or to the reviewer, at the end of a round."""
        self.file.append(stream, event, round=round, hours=self.slice_end(round))

    def line(self, stream: str, round: int) -> Line:
        """Return where an agent is asked that works for the team as a whole, at the end of a round."""
        return Line(self.file, stream, round, lambda event: self.record(event, round=round, stream=stream))
