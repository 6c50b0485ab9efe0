"""Estimates over runs with percentile bootstrap intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from aarlab.memory.seeds import rng

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]

LEVEL = 0.95
"""Level of all intervals."""
RESAMPLES = 10_000
"""Number of bootstrap resamples for an interval."""
MIN_RUNS = 10
"""With fewer runs, intervals are unreliable: see the measured coverage in `docs/statistics.md`."""

Interval = tuple[float, float]

Statistic = Callable[[FloatArray], FloatArray]
"""Computes a statistic along the last axis of an array."""


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
    median: Estimate
    iqm: Estimate
    """Interquartile mean: the mean of the middle half of the runs."""
    sd: float | None
    """Standard deviation over runs; None for a single run."""


def mean(values: FloatArray) -> FloatArray:
    """Return the mean along the last axis."""
    return np.asarray(values.mean(axis=-1))


def median(values: FloatArray) -> FloatArray:
    """Return the median along the last axis."""
    return np.asarray(np.median(values, axis=-1))


def interquartile_mean(values: FloatArray) -> FloatArray:
    """Return the mean along the last axis without the lowest and highest quarter (rounded down).

    Source: Agarwal et al. (2021), Deep reinforcement learning at the edge of the statistical precipice; equal to
    `scipy.stats.trim_mean(values, 0.25)`.
    """
    n = values.shape[-1]
    cut = n // 4
    return np.asarray(np.sort(values, axis=-1)[..., cut : n - cut].mean(axis=-1))


def estimate(statistic: Statistic, values: Sequence[float] | FloatArray) -> Estimate:
    """Return a statistic of (n,) values, n >= 1, with its bootstrap interval."""
    sample = np.asarray(values, dtype=np.float64)
    return Estimate(float(statistic(sample)), interval(statistic(sample[bootstrap_indices(len(sample))]), len(sample)))


def arm_summary(values: Sequence[float] | FloatArray) -> ArmSummary:
    """Return the statistics of (n,) runs of an arm, n >= 1."""
    sample = np.asarray(values, dtype=np.float64)
    return ArmSummary(
        n=len(sample),
        mean=estimate(mean, sample),
        median=estimate(median, sample),
        iqm=estimate(interquartile_mean, sample),
        sd=float(sample.std(ddof=1)) if len(sample) > 1 else None,
    )


def interval(resampled: FloatArray, n: int, degrees_of_freedom: int | None = None) -> Interval | None:
    """Return the expanded percentile interval of a statistic over (resamples,) samples drawn with replacement.

    Resamples of few values have too small a standard deviation, which is also uncertain. The interval therefore uses
    wider percentiles, `Phi(-sqrt(n / (n - 1)) * t)` with t the 97.5 % point of Student's distribution: 0.9 and 99.1 %
    instead of 2.5 and 97.5 % at n = 10; the difference vanishes for large n. Source: Hesterberg (2015),
    What teachers should know about the bootstrap, section on the expanded percentile interval.

    Args:
        resampled: The statistic of each resample.
        n: Values in the sample; for two samples, in the smaller one.
        degrees_of_freedom: Degrees of freedom of the standard deviation; default n - 1.

    Returns:
        None for n < 2.
    """
    if n < 2:
        return None
    low, high = np.quantile(resampled, interval_quantiles(n, degrees_of_freedom))
    return float(low), float(high)


@cache
def interval_quantiles(n: int, degrees_of_freedom: int | None = None) -> Interval:
    """Return the quantiles of the resamples that are the ends of an interval; see `interval`."""
    half_width = (n / (n - 1)) ** 0.5 * stats.t.ppf(
        (1 + LEVEL) / 2, n - 1 if degrees_of_freedom is None else degrees_of_freedom
    )
    return float(stats.norm.cdf(-half_width)), float(stats.norm.cdf(half_width))


@lru_cache(maxsize=4)
def bootstrap_indices(n: int, sample: str = "") -> IntArray:
    """Return (RESAMPLES, n) indices drawn with replacement, always the same for a sample name and size."""
    drawn = rng("bootstrap", sample, n).integers(n, size=(RESAMPLES, n), dtype=np.int32)
    drawn.flags.writeable = False
    return drawn


@lru_cache(maxsize=4)
def bootstrap_weights(n: int, sample: str = "") -> FloatArray:
    """Return (RESAMPLES, n) weights: the counts of each value, divided by n. Weights @ values are resampled means."""
    drawn = bootstrap_indices(n, sample)
    rows = np.arange(len(drawn), dtype=np.int64)[:, None] * n
    counts = np.bincount((rows + drawn).ravel(), minlength=len(drawn) * n).reshape(len(drawn), n) / n
    counts.flags.writeable = False
    return np.asarray(counts)
