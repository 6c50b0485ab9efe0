"""Two arms compared: the difference with its interval, how often one is ahead, and what pairing by seed was worth."""

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
"""Pairs below which Fisher's interval of a correlation does not exist."""


_ZERO_TOLERANCE = 1e-12
"""What differs by less is the same: such differences are what floating point leaves behind."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """What it was worth to give both arms the same seeds, measured."""

    correlation: float
    """Pearson's, over seeds, between the two arms."""
    interval: Interval | None
    """Its 95 % interval (Fisher, 1921); None for fewer than four pairs."""
    variance_ratio: float
    """Variance of the paired difference over that of unpaired runs: at 0.5 pairing saved half the seeds, at 1 none."""


@dataclass(frozen=True, slots=True)
class ArmDifference:
    """One arm minus another, in one measure."""

    arm: str
    against: str
    n: int
    """Pairs; runs of the smaller arm where they are not paired."""
    paired: bool
    """Whether runs were paired by seed. Runs whose seed only one arm has are left out then."""
    mean: Estimate
    median: Estimate
    """Of the paired differences; the difference of the medians where runs are not paired."""
    p_improvement: Estimate
    """Probability of improvement: that a run of the arm beats a run of the other, a tie counting half."""
    sd: float | None
    """Standard deviation of the difference between a run of each; None where an arm has a single run."""
    p: float | None
    """Two-sided p of Student's paired or Welch's test; None where an arm has a single run."""
    pairing: Pairing | None
    """None where runs are not paired, there are fewer than three pairs or one arm does not vary."""


def compare(arm: str, values: Mapping[int, float], against: str, against_values: Mapping[int, float]) -> ArmDifference:
    """Compare two arms, each given as values by seed and with at least one.

    They are paired by seed if at least half of the smaller arm's seeds are shared.
    """
    shared = sorted(values.keys() & against_values.keys())
    if 2 * len(shared) >= min(len(values), len(against_values)):
        left = np.array([values[seed] for seed in shared])
        return _paired(arm, left, against, np.array([against_values[seed] for seed in shared]))
    return _unpaired(arm, _by_seed(values), against, _by_seed(against_values))


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Return p values adjusted for their number, in their order; None stays None and counts for nothing.

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
    paired_differences, n = left - right, len(left)
    return ArmDifference(
        arm, against, n, True,
        mean=Estimate(float(paired_differences.mean()), interval(bootstrap_weights(n) @ paired_differences, n)),
        median=Estimate(float(np.median(paired_differences)), interval(np.median(paired_differences[bootstrap_indices(n)], axis=1), n)),
        p_improvement=_probability_of_improvement(left, right, bootstrap_weights(n), bootstrap_weights(n), n, n - 1),
        sd=float(paired_differences.std(ddof=1)) if n > 1 else None,
        p=p_paired(paired_differences),
        pairing=_pairing(left, right),
    )  # fmt: skip


def _unpaired(arm: str, left: FloatArray, against: str, right: FloatArray) -> ArmDifference:
    n, degrees_of_freedom = min(len(left), len(right)), len(left) + len(right) - 2
    left_weights, right_weights = bootstrap_weights(len(left), "arm"), bootstrap_weights(len(right), "against")
    medians = np.median(left[bootstrap_indices(len(left), "arm")], axis=1) - np.median(
        right[bootstrap_indices(len(right), "against")], axis=1
    )
    return ArmDifference(
        arm, against, n, False,
        mean=Estimate(float(left.mean() - right.mean()), interval(left_weights @ left - right_weights @ right, n, degrees_of_freedom)),
        median=Estimate(float(np.median(left) - np.median(right)), interval(medians, n, degrees_of_freedom)),
        p_improvement=_probability_of_improvement(left, right, left_weights, right_weights, n, degrees_of_freedom),
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
    """Return the two-sided p of Student's test that (n,) differences have mean zero; None for fewer than two."""
    if len(paired_differences) < 2:
        return None
    if np.ptp(paired_differences) < _ZERO_TOLERANCE:
        return _p_without_spread(float(paired_differences[0]))
    return float(stats.ttest_1samp(paired_differences, 0.0).pvalue)


def p_unpaired(left: FloatArray, right: FloatArray) -> float | None:
    """Return the two-sided p of Welch's test that two arms have the same mean; None where one has a single run."""
    if min(len(left), len(right)) < 2:
        return None
    if max(np.ptp(left), np.ptp(right)) < _ZERO_TOLERANCE:
        return _p_without_spread(float(left[0] - right[0]))
    return float(stats.ttest_ind(left, right, equal_var=False).pvalue)


def _p_without_spread(difference: float) -> float:
    """Return the limit of p where runs do not vary at all: arms that are the same to the bit, for instance."""
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
