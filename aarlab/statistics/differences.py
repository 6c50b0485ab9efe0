"""Compare two arms: difference, probability of improvement, and effect of pairing by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from aarlab.statistics.estimates import (
    LEVEL,
    Estimate,
    FloatArray,
    Interval,
    bootstrap_indices,
    bootstrap_weights,
    interval,
)

MIN_PAIRS_FOR_CORRELATION = 4
"""Fisher's interval of a correlation needs at least this number of pairs."""
_ZERO_TOLERANCE = 1e-12
"""Smaller differences are floating-point errors and count as zero."""


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
    median: Estimate
    """Median of the paired differences, or difference of the medians if unpaired."""
    p_improvement: Estimate
    """Probability that a run of the arm is better than a run of the other; ties count half."""
    sd: float | None
    """Standard deviation of the difference between one run of each arm; None if an arm has a single run."""
    p: float | None
    """Two-sided p value of Student's paired or Welch's test; None if an arm has a single run."""
    pairing: Pairing | None
    """None if unpaired, with fewer than three pairs, or if an arm does not vary."""


def compare(arm: str, values: Mapping[int, float], against: str, against_values: Mapping[int, float]) -> ArmDifference:
    """Compare two arms, each given as at least one value by seed.

    Runs are paired by seed if the arms share at least half of the smaller arm's seeds.
    """
    shared = sorted(values.keys() & against_values.keys())
    if 2 * len(shared) >= min(len(values), len(against_values)):
        left = np.array([values[seed] for seed in shared])
        return _paired(arm, left, against, np.array([against_values[seed] for seed in shared]))
    return _unpaired(arm, _by_seed(values), against, _by_seed(against_values))


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


def _paired(arm: str, left: FloatArray, against: str, right: FloatArray) -> ArmDifference:
    differences, n = left - right, len(left)
    medians = np.median(differences[bootstrap_indices(n)], axis=1)
    return ArmDifference(
        arm, against, n, True,
        mean=Estimate(float(differences.mean()), interval(bootstrap_weights(n) @ differences, n)),
        median=Estimate(float(np.median(differences)), interval(medians, n)),
        p_improvement=_probability_of_improvement(left, right, bootstrap_weights(n), bootstrap_weights(n), n, n - 1),
        sd=float(differences.std(ddof=1)) if n > 1 else None,
        p=p_paired(differences),
        pairing=_pairing(left, right),
    )  # fmt: skip


def _unpaired(arm: str, left: FloatArray, against: str, right: FloatArray) -> ArmDifference:
    n, df = min(len(left), len(right)), len(left) + len(right) - 2
    left_weights, right_weights = bootstrap_weights(len(left), "arm"), bootstrap_weights(len(right), "against")
    medians = np.median(left[bootstrap_indices(len(left), "arm")], axis=1) - np.median(
        right[bootstrap_indices(len(right), "against")], axis=1
    )
    return ArmDifference(
        arm, against, n, False,
        mean=Estimate(float(left.mean() - right.mean()), interval(left_weights @ left - right_weights @ right, n, df)),
        median=Estimate(float(np.median(left) - np.median(right)), interval(medians, n, df)),
        p_improvement=_probability_of_improvement(left, right, left_weights, right_weights, n, df),
        sd=float((left.var(ddof=1) + right.var(ddof=1)) ** 0.5) if n > 1 else None,
        p=p_unpaired(left, right),
        pairing=None,
    )  # fmt: skip


def _probability_of_improvement(
    left: FloatArray,
    right: FloatArray,
    left_weights: FloatArray,
    right_weights: FloatArray,
    n: int,
    degrees_of_freedom: int,
) -> Estimate:
    """Return the probability of improvement (Mann and Whitney, 1947; Agarwal et al., 2021), over all pairs of runs."""
    wins = (np.sign(left[:, None] - right[None, :]) + 1) / 2
    return Estimate(
        float(wins.mean()), interval(((left_weights @ wins) * right_weights).sum(axis=1), n, degrees_of_freedom)
    )


def p_paired(paired_differences: FloatArray) -> float | None:
    """Return the two-sided p value of Student's test that (n,) differences have mean zero; None for n < 2."""
    if len(paired_differences) < 2:
        return None
    if np.ptp(paired_differences) < _ZERO_TOLERANCE:
        return _p_without_spread(float(paired_differences[0]))
    return float(stats.ttest_1samp(paired_differences, 0.0).pvalue)


def p_unpaired(left: FloatArray, right: FloatArray) -> float | None:
    """Return the two-sided p value of Welch's test for equal means; None if an arm has a single run."""
    if min(len(left), len(right)) < 2:
        return None
    if max(np.ptp(left), np.ptp(right)) < _ZERO_TOLERANCE:
        return _p_without_spread(float(left[0] - right[0]))
    return float(stats.ttest_ind(left, right, equal_var=False).pvalue)


def _p_without_spread(difference: float) -> float:
    """Return the limit of the p value for runs without variation, such as bit-identical arms."""
    return 1.0 if abs(difference) < _ZERO_TOLERANCE else 0.0


def _pairing(left: FloatArray, right: FloatArray) -> Pairing | None:
    n = len(left)
    if n < 3 or min(np.ptp(left), np.ptp(right)) < _ZERO_TOLERANCE:
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
