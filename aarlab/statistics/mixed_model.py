"""A mixed model of arm x task: arms and tasks are fixed, seeds are random.

A score is the sum of the effect of its arm on its task, a random effect of the seed, a random effect of the seed on the
task, a random effect of the seed on the arm, and a residual. The last random effect is needed because a seed draws the
same temperaments on every task, so the differences between two arms on different tasks are not independent. For arms
with the same seeds, the REML estimates have a closed form: the effect on a task is the mean paired difference, and the
effect over tasks is the mean, over seeds, of each seed's mean difference. Both equal statsmodels' MixedLM where all
variances are estimated above zero. Unlike MixedLM, the intervals use Student's distribution, and tasks may differ in
spread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from scipy import stats

from aarlab.statistics.differences import ArmDifference, compare
from aarlab.statistics.estimates import LEVEL, ZERO_TOLERANCE, Estimate, FloatArray, mean_estimate, t_interval, t_test

Scores = Mapping[tuple[str, str, int], float]
"""Values by arm, task and seed."""
ByTask = Mapping[str, Mapping[int, float]]
"""Values of an arm by task and seed."""


@dataclass(frozen=True, slots=True)
class TaskEffects:
    """The effect of an arm over tasks: `arm` minus `against`."""

    arm: str
    against: str
    by_task: Mapping[str, ArmDifference]
    """The difference on each task that both arms have values for."""
    mean: Estimate
    """Mean effect over these tasks, each with the same weight. The interval is for these tasks and other seeds.

    Seeds that lack a run on one of the tasks are left out. If these are more than half, or the arms have other seeds,
    it is the mean of the effects by task, which then count as independent (Satterthwaite, 1946).
    """
    standard_error: float | None
    """None if there are too few runs."""
    degrees_of_freedom: float | None
    p: float | None
    """Two-sided p value of the mean effect."""
    interaction_p: float | None
    """p value of the test that the effect is the same on all tasks (Welch, 1951); None for a single task."""
    over_other_tasks: Estimate
    """Mean of the effects by task. Its interval is for other tasks that these are a sample of, with number of tasks - 1
    degrees of freedom.
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
    whole = _by_seed(by_arm[arm], by_arm[against], list(by_task), arm, against, level)
    if whole is None:
        mean, se, df = float(effects.mean()), *_independent_error(list(by_task.values()))
    else:
        mean, se, df = whole.mean.value, whole.standard_error, whole.degrees_of_freedom
    known = None if se is None or df is None else (t_interval(mean, se, df, level), t_test(mean, se, df))
    return TaskEffects(
        arm, against, by_task,
        mean=Estimate(mean, known and known[0]),
        standard_error=se,
        degrees_of_freedom=df,
        p=known and known[1],
        interaction_p=_interaction(list(by_task.values())),
        over_other_tasks=mean_estimate(effects),
    )  # fmt: skip


def _by_seed(
    values: ByTask, against_values: ByTask, tasks: Sequence[str], arm: str, against: str, level: float
) -> ArmDifference | None:
    """Return the paired difference of the means over tasks of each seed; None if most seeds lack a task or an arm."""
    both = [_means({task: scores[task] for task in tasks}) for scores in (values, against_values)]
    seeds = max(len(scores[task]) for scores in (values, against_values) for task in tasks)
    if 2 * len(both[0].keys() & both[1].keys()) < seeds:
        return None
    difference = compare(arm, both[0], against, both[1], level=level)
    return difference if difference.paired else None


def _means(by_task: ByTask) -> dict[int, float]:
    """Return the mean over tasks of each seed that has a value on every task."""
    seeds = set.intersection(*(set(values) for values in by_task.values()))
    return {seed: fmean(values[seed] for values in by_task.values()) for seed in sorted(seeds)}


def _independent_error(differences: Sequence[ArmDifference]) -> tuple[float | None, float | None]:
    """Return the standard error of the mean of independent differences and its degrees of freedom."""
    errors = _errors(differences)
    if errors is None:
        return None, None
    squared, dfs = errors
    se = float(squared.sum() ** 0.5) / len(squared)
    return se, float(squared.sum() ** 2 / (squared**2 / dfs).sum()) if se > ZERO_TOLERANCE else float(dfs.sum())


def _errors(differences: Sequence[ArmDifference]) -> tuple[FloatArray, FloatArray] | None:
    """Return the squared standard errors and the degrees of freedom; None if one of them is unknown."""
    known = [
        (difference.standard_error**2, difference.degrees_of_freedom)
        for difference in differences
        if difference.standard_error is not None and difference.degrees_of_freedom is not None
    ]
    if len(known) < len(differences):
        return None
    squared, dfs = np.array(known, dtype=np.float64).T
    return squared, dfs


def _by_task(values: Scores, arm: str) -> dict[str, dict[int, float]]:
    tasks: dict[str, dict[int, float]] = {}
    for (name, task, seed), value in values.items():
        if name == arm:
            tasks.setdefault(task, {})[seed] = value
    return tasks


def _interaction(differences: Sequence[ArmDifference]) -> float | None:
    """Return the p value of Welch's test (1951) that differences with unequal standard errors are equal.

    It takes the tasks as independent. If seeds have similar effects on all tasks, it rejects less often than 5 %.
    """
    n, errors = len(differences), _errors(differences)
    if n < 2 or errors is None or errors[0].min() < ZERO_TOLERANCE**2:
        return None
    effects = np.array([difference.mean.value for difference in differences])
    squared, degrees_of_freedom = errors
    weights = 1 / squared
    shares = weights / weights.sum()
    between = float((weights * (effects - shares @ effects) ** 2).sum()) / (n - 1)
    spread = float(((1 - shares) ** 2 / degrees_of_freedom).sum())
    f = between / (1 + 2 * (n - 2) / (n**2 - 1) * spread)
    return float(stats.f.sf(f, n - 1, (n**2 - 1) / (3 * spread)))
