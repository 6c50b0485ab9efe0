"""Results of the evaluator: a method on one world, and its measurement over several."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from aarlab.memory.events import Fidelity, Panel
from aarlab.tools.evaluator.training_log import bounded_log

if TYPE_CHECKING:
    from aarlab.scenarios.task import Task


@dataclass(frozen=True, slots=True)
class MeanWithSE:
    """A mean over worlds and its standard error."""

    mean: float
    se: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the mean of two or more values."""
        return cls(statistics.fmean(values), statistics.stdev(values) / len(values) ** 0.5)

    def to_json(self) -> dict[str, float]:
        """Return both, rounded to four decimals."""
        return {"mean": round(self.mean, 4), "se": round(self.se, 4)}


@dataclass(frozen=True, slots=True)
class WorldResult:
    """Result of a method on one world. With an error, the scores are 0."""

    error: str | None
    """One line; None: the method ran and its predictions were valid."""
    log: list[dict[str, Any]]
    """Training log of the method."""
    seconds: float
    """Wall-clock time in the sandbox."""
    pgr: float = 0.0
    transfer_acc: float = 0.0
    weak_acc: float = 0.0
    strong_acc: float = 0.0
    device: str | None = None
    """What trained the strong student; None: a task without fine-tuning."""
    device_seconds: float = 0.0
    """Seconds of trainings and predictions of the strong student."""
    shuffled_losses: tuple[float, ...] = ()
    """Loss of PGR with each shuffle of the weak labels with which the method did not fail."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Scores of a method over worlds. Accuracies are shares in [0, 1], averaged over the worlds."""

    worlds: int
    pgr: float
    se: float | None
    """Standard error of `pgr` over worlds; None: one world."""
    transfer_acc: float
    weak_acc: float
    strong_acc: float
    shuffled_pgr: float | None
    """`pgr` with shuffled weak labels; None: not measured, or the method failed with them.

    If the first check suspects the method, this is `pgr` minus the upper bound of the loss (see `teacher_check`).
    """
    pgr_by_world: list[float] | None = None
    """PGR on each world of a panel, rounded to four decimals, in the order of the worlds; None: an experiment."""


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """Result of running a method: an error, or a training log and, except for smoke tests, a measurement."""

    error: str | None
    log: list[dict[str, Any]]
    """Training log, averaged over worlds; empty if the measurement comes from a cache or a recorded panel."""
    measurement: Measurement | None
    completed_share: float = 1.0
    """Share of the planned worlds that the method was run on, in (0, 1]."""
    device: str | None = None
    """What trained the strong student; None: a task without fine-tuning, or a panel."""
    seconds: float | None = None
    """Seconds of trainings and predictions of the strong student on all worlds; None like `device`."""


class TaskFactory(Protocol):
    """A task that is created only when its worlds are needed. Recorded scores do not need it."""

    @property
    def name(self) -> str:
        """Name of the task."""

    def make(self) -> "Task":
        """Return the task."""


class EvaluatorProtocol(Protocol):
    """Interface of an evaluator."""

    async def run_experiment(self, code: str, fidelity: Fidelity, *, name: str) -> EvaluationResult:
        """Run a method on development worlds; `name` is unique in the run."""

    async def score_on_panel(
        self, methods: Mapping[str, str], panel: Panel, worlds: int, *, task: TaskFactory | None = None
    ) -> dict[str, EvaluationResult]:
        """Run several methods, code by name, on the same worlds of a panel."""


def summarise_worlds(results: Sequence[WorldResult], *, digits: int | None, by_world: bool = False) -> EvaluationResult:
    """Return the result of one method over worlds, with PGR rounded to `digits` decimals (None: not rounded).

    With `by_world`, the measurement also has the PGR of each world.

    If it failed on any world, the first error in the order of the worlds is reported for the method.
    """
    for result in results:
        if result.error is not None:
            return EvaluationResult(result.error, result.log, None)
    scores = [result.pgr for result in results]
    se = statistics.stdev(scores) / len(scores) ** 0.5 if len(scores) > 1 else None
    losses = [loss for result in results for loss in result.shuffled_losses]
    measurement = Measurement(
        worlds=len(results),
        pgr=_rounded(statistics.fmean(scores), digits),
        se=None if se is None else _rounded(se, digits),
        transfer_acc=round(statistics.fmean(result.transfer_acc for result in results), 4),
        weak_acc=round(statistics.fmean(result.weak_acc for result in results), 4),
        strong_acc=round(statistics.fmean(result.strong_acc for result in results), 4),
        shuffled_pgr=round(statistics.fmean(scores) - statistics.fmean(losses), 4) if losses else None,
        pgr_by_world=[round(score, 4) for score in scores] if by_world else None,
    )
    # The union of the lists of several worlds can be longer than each.
    log = bounded_log(_average_logs([result.log for result in results]))
    return EvaluationResult(None, log, measurement)


def _rounded(value: float, digits: int | None) -> float:
    return value if digits is None else round(value, digits)


def _average_logs(logs: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Average training logs entry by entry. Logs with other operators than the first log are excluded."""
    operators = [entry.get("operator") for entry in logs[0]]
    matching = [log for log in logs if [entry.get("operator") for entry in log] == operators]
    return [_average_log_entries([log[i] for log in matching]) for i in range(len(logs[0]))]


def _average_log_entries(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    averaged: dict[str, Any] = {}
    for key, value in entries[0].items():
        values = [entry.get(key) for entry in entries]
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(numbers) == len(values):
            averaged[key] = round(statistics.fmean(numbers), 3)
        elif isinstance(value, list):
            averaged[key] = sorted({str(item) for v in values if isinstance(v, list) for item in v})
        else:
            averaged[key] = value
    return averaged
