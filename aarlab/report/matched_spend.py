"""Results at equal hours and at matched spend; `docs/measures.md` defines them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any

from aarlab.graph.run.measure_registry import value_at
from aarlab.report.arm_runs import ArmRuns, hours_of_steps
from aarlab.report.task_effects import task_effects
from aarlab.statistics import TaskEffects

Summary = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MatchedSpend:
    """A planned comparison in best development PGR at equal hours and at matched spend."""

    arm: str
    against: str
    equal_hours: TaskEffects
    """At the end of the budget."""
    spend: Mapping[str, tuple[float, float]]
    """Mean spend of the arm and of the other until the end of the budget, by kind: `hours`, `tokens`, `cost_usd`."""
    matched: Mapping[str, TaskEffects]
    """At the smaller of the two mean spends on each task, by kind; without kinds that are unknown or zero."""


def matched_spends(arms: Sequence[ArmRuns], pairs: Sequence[tuple[str, str]]) -> tuple[MatchedSpend, ...]:
    """Return the planned comparisons for which both arms have recorded what they spent."""
    by_name = {arm.name: arm for arm in arms}
    compared = [_compared(by_name[a], by_name[b]) for a, b in pairs if a in by_name and b in by_name]
    return tuple(comparison for comparison in compared if comparison is not None)


def _compared(arm: ArmRuns, against: ArmRuns) -> MatchedSpend | None:
    own, other = _summaries(arm), _summaries(against)
    equal = _effects(arm, own, against, other, lambda task, summary: _pgr_at(summary))
    if equal is None:
        return None
    spend: dict[str, tuple[float, float]] = {}
    matched: dict[str, TaskEffects] = {}
    for kind, total in _TOTALS.items():
        means = [
            {task: m for task, runs in by_task.items() if (m := _mean([total(run) for run in runs.values()]))}
            for by_task in (own, other)
        ]
        tasks = means[0].keys() & means[1].keys()
        if not tasks:
            continue
        limit = {task: min(means[0][task], means[1][task]) for task in tasks}
        effects = _effects(arm, own, against, other, partial(_pgr_within, kind, limit))
        if effects is not None:
            spend[kind] = (fmean(means[0][task] for task in tasks), fmean(means[1][task] for task in tasks))
            matched[kind] = effects
    return MatchedSpend(arm.name, against.name, equal, spend, matched)


def _summaries(arm: ArmRuns) -> dict[str, dict[int, Summary]]:
    """Return the summaries that contain the recorded spend, by task and seed."""
    found: dict[str, dict[int, Summary]] = {}
    for record in arm.done:
        if "improvements" in record.summary:
            found.setdefault(record.task, {})[record.seed] = record.summary
    return found


def _effects(
    arm: ArmRuns,
    own: Mapping[str, Mapping[int, Summary]],
    against: ArmRuns,
    other: Mapping[str, Mapping[int, Summary]],
    value: Callable[[str, Summary], float | None],
) -> TaskEffects | None:
    values = [
        {
            task: {seed: v for seed, summary in runs.items() if (v := value(task, summary)) is not None}
            for task, runs in by_task.items()
        }
        for by_task in (own, other)
    ]
    return task_effects(arm.name, values[0], against.name, values[1])


def _pgr_at(summary: Summary, kind: str = "hours", limit: float | None = float("inf")) -> float | None:
    """Return the best development PGR when a run had spent `limit`, at least 0; None if that is unknown."""
    if limit is None:
        return None
    best = 0.0
    for improvement in summary["improvements"]:
        if improvement[kind] is None:
            return None
        if improvement[kind] <= limit * (1 + 1e-9):
            best = max(best, improvement["pgr"])
    return best


def _pgr_within(kind: str, limits: Mapping[str, float], task: str, summary: Summary) -> float | None:
    """Return the best development PGR when a run had spent the limit of its task."""
    return _pgr_at(summary, kind, limits.get(task))


_TOTALS: Mapping[str, Callable[[Summary], float | None]] = {
    "hours": hours_of_steps,
    "tokens": lambda summary: value_at(summary, "tokens"),
    "cost_usd": lambda summary: value_at(summary, "cost_usd"),
}
"""What a run spent until the end of its budget, by kind; the close calls no model."""


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean; None if a value is unknown."""
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
