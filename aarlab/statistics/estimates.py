"""Estimates over runs with intervals from Student's t distribution."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit

FloatArray = NDArray[np.float64]

LEVEL = 0.95
"""Level of all intervals, unless an ablation has planned looks."""
ALPHA = 0.05
"""Two-sided significance level."""
MIN_RUNS = 10
"""With fewer runs, the report warns: see the measured coverage in `docs/statistics.md`."""
ZERO_TOLERANCE = 1e-12
"""Smaller differences and standard errors are floating-point errors and count as zero."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic over runs."""

    value: float
    interval: Interval | None
    """95 % interval; None for a single run."""


@dataclass(frozen=True, slots=True)
class ArmSummary:
    """Statistics of one arm in one measure."""

    n: int
    """Number of runs with the measure."""
    mean: Estimate
    median: float
    iqm: Estimate
    """Interquartile mean: the mean of the middle half of the runs."""
    sd: float | None
    """Standard deviation over runs; None for a single run."""


def arm_summary(values: Sequence[float] | FloatArray) -> ArmSummary:
    """Return the statistics of (n,) runs of an arm, n >= 1."""
    sample = np.asarray(values, dtype=np.float64)
    return ArmSummary(
        n=len(sample),
        mean=mean_estimate(sample),
        median=float(np.median(sample)),
        iqm=interquartile_mean(sample),
        sd=float(sample.std(ddof=1)) if len(sample) > 1 else None,
    )


def mean_estimate(values: Sequence[float] | FloatArray) -> Estimate:
    """Return the mean of (n,) values, n >= 1, with Student's t interval."""
    sample = np.asarray(values, dtype=np.float64)
    n, mean = len(sample), float(sample.mean())
    if n < 2:
        return Estimate(mean, None)
    return Estimate(mean, t_interval(mean, float(sample.std(ddof=1)) / n**0.5, n - 1))


def interquartile_mean(values: Sequence[float] | FloatArray) -> Estimate:
    """Return the mean of (n,) values without the lowest and highest quarter (rounded down), with its t interval.

    The standard error is that of a trimmed mean, from the winsorised variance. Sources: Agarwal et al. (2021), Deep
    reinforcement learning at the edge of the statistical precipice, for the statistic; Yuen (1974) for the
    interval.
    """
    sample = np.sort(np.asarray(values, dtype=np.float64))
    n, cut = len(sample), len(sample) // 4
    kept = n - 2 * cut
    mean = float(sample[cut : n - cut].mean())
    if kept < 2:
        return Estimate(mean, None)
    winsorised_sd = float(np.clip(sample, sample[cut], sample[n - cut - 1]).std(ddof=1))
    standard_error = winsorised_sd * ((n - 1) / (kept * (kept - 1))) ** 0.5
    return Estimate(mean, t_interval(mean, standard_error, kept - 1))


def t_interval(value: float, standard_error: float, degrees_of_freedom: float, level: float = LEVEL) -> Interval:
    """Return the interval of an estimate by Student's t distribution."""
    half_width = float(stdtrit(degrees_of_freedom, (1 + level) / 2)) * standard_error
    return value - half_width, value + half_width


def share_interval(share: float, n: int, level: float = LEVEL) -> Interval:
    """Return the interval of a share of n cases, n >= 1, by Wilson's score (1927)."""
    z = float(ndtri((1 + level) / 2))
    centre, spread = share + z**2 / (2 * n), z * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    return max(0.0, (centre - spread) / (1 + z**2 / n)), min(1.0, (centre + spread) / (1 + z**2 / n))


def t_test(value: float, standard_error: float, degrees_of_freedom: float) -> float:
    """Return the two-sided p value of an estimate. It is below 1 - level exactly if the t interval excludes 0."""
    if standard_error < ZERO_TOLERANCE:
        return 1.0 if abs(value) < ZERO_TOLERANCE else 0.0
    return float(2 * stdtr(degrees_of_freedom, -abs(value) / standard_error))
