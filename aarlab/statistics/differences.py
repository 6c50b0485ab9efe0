"""Compare two arms: difference with its t interval, probability of improvement, effect of pairing by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from aarlab.statistics.bootstrap_t import bootstrap_t, bootstrap_t_difference
from aarlab.statistics.estimates import (
    LEVEL,
    ZERO_TOLERANCE,
    Estimate,
    FloatArray,
    Interval,
    t_interval,
    t_test,
)
from aarlab.statistics.exact_tests import permutation_p, sign_flip_p

MIN_PAIRS = 5
"""With fewer pairs, or fewer runs in an arm, a difference is never called higher or lower."""
EXACT_BELOW = 8
"""With fewer pairs, or fewer runs in an arm, an exact test stands beside Student's."""
MIN_PAIRS_FOR_CORRELATION = 4
"""Fisher's interval of a correlation needs at least this number of pairs."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Measured effect of giving both arms the same seeds."""

    correlation: float
    """Pearson correlation between the two arms over seeds."""
    interval: Interval | None
    """Its 95 % interval (Fisher, 1921); None for fewer than four pairs."""
    variance_ratio: float
    """Variance of paired differences divided by that of unpaired ones: 0.5 saves half of the seeds, 1 saves none."""


@dataclass(frozen=True, slots=True)
class ArmDifference:
    """The difference between two arms in one measure: `arm` minus `against`."""

    arm: str
    against: str
    n: int
    """Number of pairs, or of runs of the smaller arm if unpaired."""
    paired: bool
    """Whether runs were paired by seed. Runs with a seed that only one arm has are then excluded."""
    mean: Estimate
    """Student's paired interval or Welch's. It excludes 0 exactly if `p` is below 1 - level."""
    standard_error: float | None
    """Standard error of the mean difference; None if an arm has a single run."""
    degrees_of_freedom: float | None
    bootstrap_t: Interval | None
    """Bootstrap-t interval of the mean difference, for skewed values; None for fewer than four runs in an arm."""
    median: float
    """Median of the paired differences, or difference of the medians if unpaired."""
    p_improvement: Estimate
    """Probability that a run of the arm is better than a run of the other; ties count half."""
    sd: float | None
    """Standard deviation of the difference between one run of each arm; None if an arm has a single run."""
    p: float | None
    """Two-sided p value of Student's paired or Welch's test; None if an arm has a single run."""
    p_exact: float | None
    """Two-sided p value of the sign-flip test, or of the permutation test if unpaired; None from eight runs on."""
    pairing: Pairing | None
    """None if unpaired, with fewer than three pairs, or if an arm does not vary."""


def compare(
    arm: str,
    values: Mapping[int, float],
    against: str,
    against_values: Mapping[int, float],
    *,
    level: float = LEVEL,
) -> ArmDifference:
    """Compare two arms, each given as at least one value by seed.

    Runs are paired by seed if the arms share at least half of the smaller arm's seeds.

    Args:
        arm: Name of the arm.
        values: Its values by seed.
        against: Name of the arm that it is compared with.
        against_values: Its values by seed.
        level: Level of the intervals. A planned look has a higher one (see `sequential`).
    """
    shared = sorted(values.keys() & against_values.keys())
    if 2 * len(shared) >= min(len(values), len(against_values)):
        left = np.array([values[seed] for seed in shared])
        return _paired(arm, left, against, np.array([against_values[seed] for seed in shared]), level)
    return _unpaired(arm, _by_seed(values), against, _by_seed(against_values), level)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Return p values with Holm's correction, in the given order. None stays None and is not counted.

    Source: Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    known = sorted((p, i) for i, p in enumerate(ps) if p is not None)
    adjusted: list[float | None] = [None] * len(ps)
    highest = 0.0
    for rank, (p, i) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[i] = highest
    return adjusted


def _paired(arm: str, left: FloatArray, against: str, right: FloatArray, level: float) -> ArmDifference:
    differences, n = left - right, len(left)
    mean = _without_rounding_error(float(differences.mean()))
    sd = _without_rounding_error(float(differences.std(ddof=1))) if n > 1 else None
    se, df = (None, None) if sd is None else (sd / n**0.5, float(n - 1))
    # The influence of a pair on the probability of improvement is the sum of its two placements (Munzel, 1999).
    wins = _wins(left, right)
    return ArmDifference(
        arm, against, n, True,
        mean=_student(mean, se, df, level),
        standard_error=se,
        degrees_of_freedom=df,
        bootstrap_t=bootstrap_t(differences, level),
        median=float(np.median(differences)),
        p_improvement=_probability(float(wins.mean()), *_mean_error(wins.mean(axis=1) + wins.mean(axis=0)), level),
        sd=sd,
        p=None if se is None or df is None else t_test(mean, se, df),
        p_exact=sign_flip_p(differences) if n < EXACT_BELOW else None,
        pairing=_pairing(left, right),
    )  # fmt: skip


def _unpaired(arm: str, left: FloatArray, against: str, right: FloatArray, level: float) -> ArmDifference:
    n, wins = min(len(left), len(right)), _wins(left, right)
    mean = _without_rounding_error(float(left.mean() - right.mean()))
    se, df = _welch(left, right)
    return ArmDifference(
        arm, against, n, False,
        mean=_student(mean, se, df, level),
        standard_error=se,
        degrees_of_freedom=df,
        bootstrap_t=bootstrap_t_difference(left, right, level),
        median=float(np.median(left) - np.median(right)),
        p_improvement=_probability(float(wins.mean()), *_welch(wins.mean(axis=1), wins.mean(axis=0)), level),
        sd=float((left.var(ddof=1) + right.var(ddof=1)) ** 0.5) if n > 1 else None,
        p=None if se is None or df is None else t_test(mean, se, df),
        p_exact=permutation_p(left, right) if n < EXACT_BELOW else None,
        pairing=None,
    )  # fmt: skip


def _wins(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the (left, right) results of all pairs of runs: 1 if the left run is better, 0.5 for a tie."""
    return np.asarray((np.sign(left[:, None] - right[None, :]) + 1) / 2)


def _probability(value: float, se: float | None, df: float | None, level: float) -> Estimate:
    """Return a probability of improvement, over all pairs of runs, with its t interval inside [0, 1].

    It has no interval if the arms do not overlap or are equal: the standard error is then 0 and understated.

    Sources: Mann and Whitney (1947) and Agarwal et al. (2021) for the statistic, Brunner and Munzel (2000) for the
    standard error.
    """
    interval = _student(value, se, df, level).interval if se else None
    return Estimate(value, interval and (max(interval[0], 0.0), min(interval[1], 1.0)))


def _student(value: float, se: float | None, df: float | None, level: float) -> Estimate:
    return Estimate(value, None if se is None or df is None else t_interval(value, se, df, level))


def _mean_error(values: FloatArray) -> tuple[float | None, float | None]:
    """Return the standard error of a mean and its degrees of freedom."""
    n = len(values)
    return (None, None) if n < 2 else (_without_rounding_error(float(values.std(ddof=1))) / n**0.5, n - 1.0)


def _welch(left: FloatArray, right: FloatArray) -> tuple[float | None, float | None]:
    """Return Welch's standard error of a difference of means and its degrees of freedom (Welch, 1947)."""
    if min(len(left), len(right)) < 2:
        return None, None
    (left_se, left_df), (right_se, right_df) = _mean_error(left), _mean_error(right)
    assert left_se is not None
    assert right_se is not None
    assert left_df is not None
    assert right_df is not None
    squared = left_se**2 + right_se**2
    if squared == 0:
        return 0.0, left_df + right_df
    return squared**0.5, squared**2 / (left_se**4 / left_df + right_se**4 / right_df)


def _without_rounding_error(value: float) -> float:
    """Return 0 for a value that is only a floating-point error, so that identical arms have no difference."""
    return 0.0 if abs(value) < ZERO_TOLERANCE else value


def _pairing(left: FloatArray, right: FloatArray) -> Pairing | None:
    n = len(left)
    if n < 3 or min(np.ptp(left), np.ptp(right)) < ZERO_TOLERANCE:
        return None
    correlation = float(np.clip(np.corrcoef(left, right)[0, 1], -1.0, 1.0))
    ratio = float((left - right).var(ddof=1) / (left.var(ddof=1) + right.var(ddof=1)))
    return Pairing(correlation, _fisher(correlation, n), ratio)


def _fisher(correlation: float, n: int) -> Interval | None:
    if n < MIN_PAIRS_FOR_CORRELATION:
        return None
    if abs(correlation) == 1:
        return correlation, correlation
    half_width = stats.norm.ppf((1 + LEVEL) / 2) / (n - 3) ** 0.5
    centre = np.arctanh(correlation)
    return float(np.tanh(centre - half_width)), float(np.tanh(centre + half_width))


def _by_seed(values: Mapping[int, float]) -> FloatArray:
    return np.array([values[seed] for seed in sorted(values)])
