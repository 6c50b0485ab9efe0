"""The context of a run: everything that the nodes of the graphs use except the graph state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from aarlab.graph.calls.call import CallContext
from aarlab.graph.calls.model_pool import AgentModel, ModelPool
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.dials.coordination import withheld_of
from aarlab.graph.structure.dials.dial import ResolvedStructure
from aarlab.memory.board import Board, Neighbours
from aarlab.memory.board_view import BoardView
from aarlab.memory.events import TEAM, Event, Flagged, PlanItem
from aarlab.memory.messages import Message
from aarlab.memory.run_tape import Divergence
from aarlab.memory.run_writer import RunWriter
from aarlab.scenarios.task import Progress
from aarlab.tools.evaluator.results import EvaluatorProtocol
from aarlab.tools.session import AgentSession
from aarlab.tools.tool import Tool

REVIEWER: Final = "reviewer"
OVERSEER: Final = "overseer"
ESCALATION: Final = "escalation"
"""The overseer that decides what the first one escalates."""
MONITOR: Final = "monitor"
REPLICATOR: Final = "replicator"
"""Names and streams of the agents that are neither researchers nor leads."""
Scheduler = Literal["auto", "direct", "langgraph"]
"""What executes the graphs: a loop over their flow tables, or LangGraph; `auto`: LangGraph if a base model is live."""


@dataclass(frozen=True, slots=True)
class RoundNotes:
    """Notes of overseers and people, and flags, that researchers receive at the start of a round."""

    round: int
    to: dict[str | None, list[tuple[int, str]]]
    """Texts with the number of their event, by researcher; None: for all."""


@dataclass(slots=True)
class RunContext:
    """The services, models and agent sessions of a run under one structure."""

    scenario: Scenario
    resolved: ResolvedStructure
    file: RunWriter
    board: Board
    evaluator: EvaluatorProtocol
    neighbours: Mapping[int, Neighbours]
    """Whose findings each researcher can see, by the first round in which that applies; both by place."""
    senior: str | None
    """The researcher whose findings are marked and listed first; None: none."""
    places: dict[str, str]
    """Place of each researcher by name, also of those that have left: the name of the one that had it first."""
    sessions: dict[str, AgentSession]
    """By researcher, in the order of the team; those that have left are not included."""
    tools: Mapping[str, Tool]
    """Tools of the researchers by name."""
    models: dict[str, AgentModel]
    """Base model by agent: the researchers, and `REVIEWER`, `OVERSEER` and leads if the structure has them."""
    model_pool: ModelPool
    """Opens and closes the base models, and keeps the ledger of their calls."""
    progress: Progress | None = None
    """Called with an activity and its completed share, in [0, 1]."""
    divergences: list[Divergence] = field(default_factory=list)
    """Differences between this execution and the tape."""
    new_findings_messages: dict[tuple[int, BoardView], Message] = field(default_factory=dict)
    """Long listings of the findings of a round, by round and the researchers that see the same findings."""
    notes: RoundNotes | None = None
    """The notes of the current round; None: they have not been read."""
    pool: list[PlanItem] = field(default_factory=list)
    """The ideas of the lead's plan, once one of them has been assigned under this structure."""
    planned: bool = False
    """Whether the lead has been called."""
    setup_round: int = 0
    """Round in which system prompts are recorded: 0, or the first round after a fork."""
    scheduler: Scheduler = "auto"
    forked_after: int | None = None
    """Last round under this structure, if the run was forked after it; None: this structure applies until the close."""
    flags: Callable[[], list[Flagged]] = list
    """Returns what the monitors flag in the record so far."""

    def tools_of(self, agent: str) -> Mapping[str, Tool]:
        """Return the tools of one researcher by name."""
        if not self.resolved.has_specialists:
            return self.tools
        withheld = withheld_of(self.places[agent], self.scenario.team.names)
        return {name: tool for name, tool in self.tools.items() if name not in withheld}

    @property
    def rounds(self) -> int:
        """Number of rounds that the budget allows."""
        return self.scenario.rounds

    def slice_end(self, round: int) -> float:
        """Return the research hour at which a round's slice ends, for each researcher."""
        return min(round * self.scenario.budget.round_hours, self.scenario.budget.hours)

    def report_progress(self, activity: str, share: float) -> None:
        """Report an activity and its completed share, in [0, 1]."""
        if self.progress is not None:
            self.progress(activity, share)

    def record(self, event: Event, *, round: int, stream: str = TEAM) -> None:
        """Append an event to a stream at the end of a round's slice; by default to the team's."""
        self.file.append(stream, event, round=round, hours=self.slice_end(round))

    def call_context(self, stream: str, round: int) -> CallContext:
        """Return the call context of an agent that works for the team at the end of a round."""
        return CallContext(self.file, stream, round, lambda event: self.record(event, round=round, stream=stream))
