"""The progress of a run, computed from its events, for the live display and the overview."""

from collections import Counter
from dataclasses import dataclass, field

from aarlab.memory.events import (
    TEAM,
    AgentSetup,
    Borrowed,
    Edge,
    Evaluation,
    Experiment,
    FailedModelCall,
    Finding,
    LogEntry,
    ModelCall,
    ResearcherReplaced,
    RoundStarted,
    RunClosed,
    ToolExecution,
)

_CLEAR_SUMMARIES = ("run_experiment", "submit")
"""Tools whose summaries say what was done, so that the display need not name the tool."""


@dataclass(slots=True)
class ResearcherProgress:
    """The progress of one researcher."""

    name: str
    direction: str | None
    hours: float = 0.0
    """Research hours used."""
    step: str = "starting"
    """Its last tool call, on one line."""
    best: float | None = None
    """Best development PGR of its full experiments; None before the first."""
    findings: int = 0
    experiments: int = 0
    successor: str | None = None
    """The researcher that has taken its place; None: it has not left."""


@dataclass(slots=True)
class TeamProgress:
    """The progress of the team. Pass every event to `handle_event` once, in the order of the log."""

    round: int = 0
    researchers: dict[str, ResearcherProgress] = field(default_factory=dict)
    """By name, in the order of their setup."""
    best: float | None = None
    """Best development PGR so far; None before the first full experiment."""
    best_se: float | None = None
    best_agent: str | None = None
    frontier: list[tuple[float, float]] = field(default_factory=list)
    """Research hours of the researcher and best development PGR so far, at each improvement."""
    counts: Counter[str] = field(default_factory=Counter)
    """Numbers of findings, borrows, critiques, experiments and evaluations."""
    cost_usd: float | None = 0.0
    """US dollars; None if the price of a call is not known."""
    closing: bool = False
    """Whether research has ended and the best methods are being scored."""
    closed: bool = False
    """Whether the run is closed."""

    def handle_event(self, entry: LogEntry) -> None:
        """Update the progress with the next event."""
        researcher = self.researchers.get(entry.stream)
        if researcher is not None:
            researcher.hours = max(researcher.hours, entry.hours)
        match entry.event:
            case AgentSetup(role="researcher", direction=direction):
                # A fork sets up the same researchers again.
                progress = self.researchers.setdefault(entry.stream, ResearcherProgress(entry.stream, direction))
                progress.direction = direction
            case RoundStarted():
                self.round = entry.round
            case ResearcherReplaced(former=former):
                self.researchers[former].successor = entry.stream
                self.researchers[former].step = f"left before round {entry.round}; {entry.stream} took its place"
            case ModelCall(cost_usd=cost) | FailedModelCall(cost_usd=cost):
                self.cost_usd = None if self.cost_usd is None or cost is None else self.cost_usd + cost
            case ToolExecution(tool=tool, summary=summary) if researcher is not None:
                researcher.step = summary if tool in _CLEAR_SUMMARIES else f"{tool.split('_')[0]} {summary}"
            case Experiment() as experiment:
                self._add_experiment(experiment, entry.hours, researcher)
            case Finding() if researcher is not None:
                self.counts["finding"] += 1
                researcher.findings += 1
            case Borrowed():
                self.counts["borrow"] += 1
            case Edge(relation="critiques"):
                self.counts["critique"] += 1
            case Evaluation():
                self.counts["evaluation"] += 1
                self.closing = self.closing or entry.stream == TEAM
            case RunClosed():
                self.closed = True
            case _:
                pass

    def _add_experiment(self, experiment: Experiment, hours: float, researcher: ResearcherProgress | None) -> None:
        self.counts["experiment"] += 1
        if researcher is not None:
            researcher.experiments += 1
        pgr = experiment.pgr
        if experiment.fidelity != "full" or pgr is None or researcher is None:
            return
        if researcher.best is None or pgr > researcher.best:
            researcher.best = pgr
        if self.best is None or pgr > self.best:
            self.best, self.best_se, self.best_agent = pgr, experiment.se, researcher.name
            self.frontier.append((hours, pgr))

    @property
    def members(self) -> list[ResearcherProgress]:
        """The researchers that have not left."""
        return [researcher for researcher in self.researchers.values() if researcher.successor is None]

    @property
    def hours_each(self) -> float:
        """Research hours used by a researcher, averaged over the team."""
        hours = [researcher.hours for researcher in self.members]
        return sum(hours) / len(hours) if hours else 0.0
