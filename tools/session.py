"""A researcher's bench: everything its tools work on, and its clock."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aarlab.memory.board import Board
from aarlab.memory.events import Decider, Decision, DecisionKind, Event, Experiment, FileWritten
from aarlab.memory.run_writer import RunWriter
from aarlab.tools.evaluator.run_evaluator import EvaluatorProtocol


@dataclass(slots=True)
class ToolSession:
    """What one researcher works with during a run."""

    agent: str
    file: RunWriter
    board: Board
    evaluator: EvaluatorProtocol
    costs: Mapping[str, float]
    """Research hours of each kind of step."""
    budget_hours: float
    """Research hours this researcher has in all."""
    hours: float = 0.0
    """Research hours used so far."""
    round: int = 0
    files: dict[str, str] = field(default_factory=dict)
    """The workspace: text by path."""
    borrowed_from: dict[str, str] = field(default_factory=dict)
    """Code hash of each borrowed method, to the finding it came from."""
    executed_code: set[str] = field(default_factory=set)
    """Code hashes this researcher has run before."""
    id_counters: dict[str, int] = field(default_factory=dict)
    """How many findings and experiments have been numbered."""
    deciders: dict[DecisionKind, Decider] = field(default_factory=dict)
    """Who takes which decision where it is not the researcher itself."""
    librarian: Callable[[str], Awaitable[tuple[str, list[str]]]] | None = None
    """Answers a question in words, with the findings it means; None where there is no librarian."""
    full_experiment_cap: int | None = None
    """Full experiments it may have scored; None: as many as it has hours for."""

    def record(self, event: Event) -> None:
        """Write an event into this researcher's stream, at its present hour."""
        self.file.append(self.agent, event, round=self.round, hours=self.hours)

    def record_decision(self, decision: DecisionKind, choice: str) -> None:
        """Record a decision; it was the researcher's own unless the structure has given it to somebody else."""
        self.record(Decision(decision, choice, self.deciders.get(decision, "agent")))

    def next_id(self, id_kind: str) -> str:
        """Return the next identifier of a kind: `r3.f1`, `r3.f2`, ... for findings, `r3.e1`, ... for experiments."""
        self.id_counters[id_kind] = self.id_counters.get(id_kind, 0) + 1
        return f"{self.agent}.{id_kind}{self.id_counters[id_kind]}"

    def spend(self, entry: str, *, share: float = 1.0) -> float:
        """Let the clock advance by (a share of) an entry of the cost table and return the hours it took."""
        hours = self.costs[entry] * share
        self.hours += hours
        return hours

    def can_afford(self, entry: str) -> bool:
        """Tell whether a step fits into what is left of the budget."""
        return self.hours + self.costs[entry] <= self.budget_hours + 1e-9

    @property
    def full_experiments_left(self) -> int | None:
        """Number of full experiments that it may still have scored; None where that is not limited."""
        if self.full_experiment_cap is None:
            return None
        experiments = (entry.event for entry in self.file.entries(Experiment, stream=self.agent))
        scored = [e for e in experiments if isinstance(e, Experiment) and e.fidelity == "full" and e.pgr is not None]
        return max(0, self.full_experiment_cap - len(scored))

    def write(self, path: str, text: str) -> None:
        """Put a file into the workspace."""
        self.files[path] = text
        self.record(FileWritten(path, self.file.store_text(text)))
