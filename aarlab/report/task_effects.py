"""Effects of arms on each task and over tasks."""

from collections.abc import Mapping

from aarlab.graph.run.measure_registry import value_at
from aarlab.report.arm_runs import ArmRuns
from aarlab.statistics import LEVEL, TaskEffects, mixed_model

ByTask = Mapping[str, Mapping[int, float]]
"""Values by task and seed."""


def values_by_task(arm: ArmRuns, measure: str) -> dict[str, dict[int, float]]:
    """Return a measure by task and seed, for runs that have it."""
    values: dict[str, dict[int, float]] = {}
    for record in arm.done:
        value = value_at(record.summary, measure)
        if value is not None:
            values.setdefault(record.task, {})[record.seed] = value
    return values


def task_effects(
    arm: str, values: ByTask, against: str, against_values: ByTask, *, level: float = LEVEL
) -> TaskEffects | None:
    """Return the effect of an arm against another on each task and over tasks; None if they share no task."""
    by_arm = {arm: values, against: against_values}
    scores = {
        (name, task, seed): value
        for name, by_task in by_arm.items()
        for task, by_seed in by_task.items()
        for seed, value in by_seed.items()
    }
    return mixed_model(scores, arm, against, level=level)


def effects_of(arm: ArmRuns, against: ArmRuns, measure: str, *, level: float = LEVEL) -> TaskEffects | None:
    """Return the effect of an arm on a measure, on each task and over tasks; None if the arms share no task."""
    own, other = values_by_task(arm, measure), values_by_task(against, measure)
    return task_effects(arm.name, own, against.name, other, level=level)
