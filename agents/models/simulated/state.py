"""What a simulated researcher keeps in mind: its brief, its ideas, what it was assigned and what it knows of others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aarlab.agents.models.simulated.recipe import Recipe, SearchSpace


@dataclass(frozen=True, slots=True)
class ParsedPrompt:
    """What stands in the system prompt."""

    name: str
    """Its own; empty if it is not told."""
    space: SearchSpace
    direction: str
    """Empty if none was given."""
    costs: Mapping[str, float]
    """Research hours by kind of step."""
    starters: tuple[str, ...]
    """Workspace files with methods to start from."""
    advice: str
    """Steps that it is advised to take, in lower case; empty if there are none."""


@dataclass(frozen=True, slots=True)
class ExperimentOutcome:
    """What came of an experiment of its own."""

    id: str
    fidelity: str
    pgr: float | None
    se: float | None
    error: str | None
    log: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ParsedAssignment:
    """What it has been told to work on: an idea in words, or a change of a method."""

    number: int
    text: str
    parent: str | None
    """The finding that the change starts from."""
    parent_code: str | None
    kind: str | None
    """What to do: tune, insert, remove, replace or cross; None: what the text says."""
    operator: str | None
    replacement: str | None
    """The operator to put in its place."""
    partner: str | None
    """The finding to cross it with."""
    partner_code: str | None


@dataclass(slots=True)
class TrackedIdea:
    """A recipe it works on, and how far it has got."""

    recipe: Recipe
    builds_on: tuple[str, ...] = ()
    """Findings it comes from."""
    assignment: int | None = None
    """Number of the assignment that it answers."""
    hypothesis_id: str | None = None
    """The finding in which it was announced."""
    written: bool = False
    outcomes: dict[str, ExperimentOutcome] = field(default_factory=dict)
    """Its last outcome at each fidelity."""
    in_notebook: bool = False
    """Whether the notebook says what came of it."""
    report_id: str | None = None
    """The finding that reports on it."""
    rejections: int = 0
    """How often a full run of it was rejected."""
    repair_depth: int = 0
    """How many ideas before this one it repairs, in a row."""

    @property
    def error(self) -> ExperimentOutcome | None:
        """The outcome in which it failed, if it did."""
        return next((outcome for outcome in self.outcomes.values() if outcome.error is not None), None)

    @property
    def best_outcome(self) -> ExperimentOutcome | None:
        """Its outcome at the highest fidelity that gave a score."""
        scored = (self.outcomes.get(fidelity) for fidelity in ("full", "pilot"))
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
    log: list[dict[str, Any]]
    critiques: int


@dataclass(slots=True)
class ParsedState:
    """Everything a simulated researcher knows at this moment. Only reading writes into it."""

    prompt: ParsedPrompt
    turn: int = 0
    """How often it has spoken before."""
    round: int = 0
    stage: str | None = None
    """The stage of a fixed workflow, if there is one."""
    assignment: ParsedAssignment | None = None
    """What it has to work on, if that is laid down and not delivered yet."""
    hours: float = 0.0
    budget: float = 0.0
    round_end_hour: float = 0.0
    """Hour at which this round ends."""
    unread: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Findings of others, with a score, that it has seen listed and not read: the best of them, best first."""
    known: dict[str, KnownFinding] = field(default_factory=dict)
    """Findings of others it has read."""
    borrowed: set[str] = field(default_factory=set)
    critiqued: set[str] = field(default_factory=set)
    read_this_round: int = 0
    critiqued_this_round: int = 0
    new_findings_this_round: bool = False
    """Whether this round opened with findings of others."""
    searches_this_round: int = 0
    """How often it has looked for findings by words or by question in this round."""
    starters: dict[str, Recipe | None] = field(default_factory=dict)
    """Methods to start from that it has read, by path."""
    ideas: list[TrackedIdea] = field(default_factory=list)
    """Its own ideas, oldest first."""
    best_posted: tuple[float, str] | None = None
    """Score and id of its best posted result."""
    submitted: str | None = None

    @property
    def idea(self) -> TrackedIdea | None:
        """The idea it works on."""
        return self.ideas[-1] if self.ideas else None

    def can_afford(self, *steps: str) -> bool:
        """Tell whether these steps, one thought included, fit into what is left of the budget; no price, no cost."""
        return self.hours + sum(self.prompt.costs.get(step, 0.0) for step in ("think", *steps)) <= (self.budget + 1e-9)
