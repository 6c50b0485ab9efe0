"""The state of a simulated researcher: its prompt, its ideas, its assignment and the findings of others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aarlab.agents.models.simulated.recipe import Recipe, SearchSpace


@dataclass(frozen=True, slots=True)
class ParsedPrompt:
    """The content of the system prompt."""

    name: str
    """Its own name; empty if the prompt has none."""
    space: SearchSpace
    direction: str
    """Empty if it has none."""
    costs: Mapping[str, float]
    """Research hours by kind of step."""
    has_reviewer: bool
    """Whether a reviewer comments on posted findings."""
    advice: str
    """The suggested steps, in lower case; empty if there are none."""
    specialties: frozenset[str] = frozenset()
    """The parts of the work that it does; empty: all."""


@dataclass(frozen=True, slots=True)
class ExperimentOutcome:
    """The result of one of its experiments."""

    id: str
    fidelity: str
    pgr: float | None
    se: float | None
    error: str | None
    log: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ParsedAssignment:
    """An assignment: an idea in words, or a mutation of a method."""

    number: int
    text: str
    parent: str | None
    """The finding with the method to mutate."""
    parent_code: str | None
    kind: str | None
    """The mutation: tune, insert, remove, replace or cross; None: the text describes the idea."""
    operator: str | None
    replacement: str | None
    """The operator that replaces it."""
    partner: str | None
    """The finding to cross with."""
    partner_code: str | None


@dataclass(frozen=True, slots=True)
class ParsedTask:
    """A task that it may follow in this round."""

    text: str
    finding: str | None
    """The finding to build on."""


@dataclass(slots=True)
class TrackedIdea:
    """A recipe it works on, and the progress so far."""

    recipe: Recipe
    builds_on: tuple[str, ...] = ()
    """Findings it builds on."""
    assignment: int | None = None
    """Number of its assignment, if it has one."""
    hypothesis_id: str | None = None
    """The finding that announced it."""
    written: bool = False
    """Whether the method is in the workspace."""
    path: str = "method.py"
    """The workspace file of the method."""
    outcomes: list[ExperimentOutcome] = field(default_factory=list)
    """Outcomes of its experiments, oldest first."""
    in_notebook: bool = False
    """Whether the notebook has been written to since it started."""
    report_id: str | None = None
    """The finding that reports on it."""
    critiques: tuple[str, ...] | None = None
    """Critiques of the report; None: it has not read its report on the board."""
    rejections: int = 0
    """Number of rejections of its full run."""

    def outcome(self, fidelity: str) -> ExperimentOutcome | None:
        """Return the last outcome at a fidelity, if there is one."""
        return next((outcome for outcome in reversed(self.outcomes) if outcome.fidelity == fidelity), None)

    @property
    def error(self) -> ExperimentOutcome | None:
        """The last outcome at any fidelity, if it failed."""
        last = {outcome.fidelity: outcome for outcome in self.outcomes}
        return next((outcome for outcome in last.values() if outcome.error is not None), None)

    @property
    def is_over(self) -> bool:
        """Whether it has run in full, has failed or was rejected. One rejection asks for a pilot if it has none."""
        rejected = self.rejections > (self.outcome("pilot") is None)
        return self.outcome("full") is not None or self.error is not None or rejected

    @property
    def best_outcome(self) -> ExperimentOutcome | None:
        """Its outcome at the highest fidelity that gave a score."""
        scored = (self.outcome(fidelity) for fidelity in ("full", "pilot"))
        return next((outcome for outcome in scored if outcome is not None and outcome.pgr is not None), None)


@dataclass(frozen=True, slots=True)
class KnownFinding:
    """A finding it has read."""

    id: str
    author: str
    type: str
    title: str
    recipe: Recipe | None
    pgr: float | None
    se: float | None
    fidelity: str | None
    log: list[dict[str, Any]]
    critiques: tuple[str, ...]
    text: str = ""
    is_marked: bool = False
    """Whether it has the mark of an author with a rank."""


@dataclass(slots=True)
class ParsedState:
    """Everything a simulated researcher knows. Only `parsing` changes it."""

    prompt: ParsedPrompt
    turn: int = 0
    """Number of its replies so far."""
    round: int = 0
    stage: str | None = None
    """The current stage of the staged workflow, if there is one."""
    assignment: ParsedAssignment | None = None
    """The assignment it has not reported on yet."""
    task: ParsedTask | None = None
    """The task of this round, which it may follow."""
    hours: float = 0.0
    """Research hours used."""
    budget: float = 0.0
    """Research hours in total."""
    round_end_hour: float = 0.0
    """Research hour at which the round ends."""
    unread: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Listed findings with a score that it has not read, best first: those of others, and its own for critiques."""
    known: dict[str, KnownFinding] = field(default_factory=dict)
    """Findings of others it has read."""
    borrowed: set[str] = field(default_factory=set)
    critiqued: set[str] = field(default_factory=set)
    unscored: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Listed findings of others without a score that it has not read, oldest first."""
    handed_off: set[str] = field(default_factory=set)
    """Hypotheses for which it has handed off a method."""
    hypotheses_this_round: int = 0
    read_this_round: int = 0
    critiqued_this_round: int = 0
    new_findings_this_round: bool = False
    """Whether the round started with new findings of others."""
    searches_this_round: int = 0
    """Searches and questions in this round."""
    ideas: list[TrackedIdea] = field(default_factory=list)
    """Its own ideas, oldest first."""
    best_posted: tuple[float, str] | None = None
    """PGR and id of its best posted result."""
    submitted: str | None = None
    posted: dict[str, str] = field(default_factory=dict)
    """Ids of its findings by title; of several with one title, the last."""
    side_files: dict[str, str] = field(default_factory=dict)
    """Text of its workspace files other than the method of its idea, by path."""
    side_outcomes: dict[str, list[ExperimentOutcome]] = field(default_factory=dict)
    """Outcomes of its experiments with these files, by path."""
    full_runs_left: int | None = None
    """Number of full runs that may still be scored; None: no maximum."""

    @property
    def idea(self) -> TrackedIdea | None:
        """Its latest idea."""
        return self.ideas[-1] if self.ideas else None

    def hours_of(self, *steps: str) -> float:
        """Return the hours of these steps. Steps without a cost are free."""
        return sum(self.prompt.costs.get(step, 0.0) for step in steps)

    def can_afford(self, *steps: str) -> bool:
        """Return whether the remaining hours cover these steps and one `think`."""
        return self.hours + self.hours_of("think", *steps) <= self.budget + 1e-9
