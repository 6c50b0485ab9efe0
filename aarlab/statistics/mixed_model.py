"""A mixed model of arm x task: arms and tasks are fixed, seeds within a task are random.

A score is the sum of the effect of its arm on its task, a random effect of its seed on that task that both arms share,
and a residual. Each task has its own variances, because tasks differ in spread by a factor of three. For arms with the
same seeds, the REML estimates then have a closed form: the effect on a task is the mean paired difference, and the
effect over tasks is their mean. Estimate and standard error over tasks equal those of a mixed model with common
variances (statsmodels' MixedLM) if every task has the same number of seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from aarlab.statistics.differences import ArmDifference, compare
from aarlab.statistics.estimates import LEVEL, ZERO_TOLERANCE, Estimate, mean_estimate, t_interval, t_test

Scores = Mapping[tuple[str, str, int], float]
"""Values by arm, task and seed."""


@dataclass(frozen=True, slots=True)
class TaskEffects:
    """The effect of an arm over tasks: `arm` minus `against`."""

    arm: str
    against: str
    by_task: Mapping[str, ArmDifference]
    """The difference on each task that both arms have values for."""
    mean: Estimate
    """Mean effect over these tasks, each with the same weight. The interval is for these tasks and other seeds."""
    standard_error: float | None
    """None if a task has too few runs."""
    degrees_of_freedom: float | None
    """By Satterthwaite's approximation (1946)."""
    p: float | None
    """Two-sided p value of the mean effect."""
    interaction_p: float | None
    """p value of the test that the effect is the same on all tasks (Welch, 1951); None for a single task."""
    over_other_tasks: Estimate
    """The same mean; its interval is for other tasks that these are a sample of, with number of tasks - 1 degrees of
    freedom.
    """


def mixed_model(values: Scores, arm: str, against: str, *, level: float = LEVEL) -> TaskEffects | None:
    """Return the effect of an arm against another, on each task and over tasks; None if they share no task."""
    by_arm = {name: _by_task(values, name) for name in (arm, against)}
    by_task = {
        task: compare(arm, scores, against, by_arm[against][task], level=level)
        for task, scores in by_arm[arm].items()
        if task in by_arm[against]
    }
    if not by_task:
        return None
    effects = np.array([difference.mean.value for difference in by_task.values()])
    errors = [(d.standard_error, d.degrees_of_freedom) for d in by_task.values()]
    known = [(se, df) for se, df in errors if se is not None and df is not None]
    mean, over_other_tasks = float(effects.mean()), mean_estimate(effects)
    if len(known) < len(errors):
        return TaskEffects(arm, against, by_task, Estimate(mean, None), None, None, None, None, over_other_tasks)
    squared = np.array([se**2 for se, _ in known])
    dfs = np.array([df for _, df in known])
    se = float(squared.sum() ** 0.5) / len(effects)
    df = float(squared.sum() ** 2 / (squared**2 / dfs).sum()) if se > ZERO_TOLERANCE else float(dfs.sum())
    return TaskEffects(
        arm, against, by_task,
        mean=Estimate(mean, t_interval(mean, se, df, level)),
        standard_error=se,
        degrees_of_freedom=df,
        p=t_test(mean, se, df),
        interaction_p=_interaction(effects, squared, dfs),
        over_other_tasks=over_other_tasks,
    )  # fmt: skip


def _by_task(values: Scores, arm: str) -> dict[str, dict[int, float]]:
    tasks: dict[str, dict[int, float]] = {}
    for (name, task, seed), value in values.items():
        if name == arm:
            tasks.setdefault(task, {})[seed] = value
    return tasks


def _interaction(effects: np.ndarray, squared_errors: np.ndarray, degrees_of_freedom: np.ndarray) -> float | None:
    """Return the p value of Welch's test (1951) that effects with different standard errors are equal."""
    n = len(effects)
    if n < 2 or squared_errors.min() < ZERO_TOLERANCE**2:
        return None
    weights = 1 / squared_errors
    shares = weights / weights.sum()
    between = float((weights * (effects - shares @ effects) ** 2).sum()) / (n - 1)
    spread = float(((1 - shares) ** 2 / degrees_of_freedom).sum())
    f = between / (1 + 2 * (n - 2) / (n**2 - 1) * spread)
    return float(stats.f.sf(f, n - 1, (n**2 - 1) / (3 * spread)))
