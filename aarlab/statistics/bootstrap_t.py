"""Bootstrap-t (studentised) intervals of a mean, for skewed values.

Each resample gives a t statistic; their quantiles replace those of Student's distribution. Source: Efron and Tibshirani
(1993), An introduction to the bootstrap, section 12.5. The resamples are the same for every sample of a size, so
reports are deterministic.
"""

from functools import lru_cache

import numpy as np

from aarlab.memory.seeds import rng
from aarlab.statistics.estimates import LEVEL, ZERO_TOLERANCE, FloatArray, Interval

RESAMPLES = 10_000
"""Number of resamples."""
MIN_VALUES = 4
"""A sample with fewer values has too few different resamples."""
_CONSTANT = 1e-12
"""Variances below this share of the largest squared deviation are rounding errors of constant resamples."""


def bootstrap_t(values: FloatArray, level: float = LEVEL) -> Interval | None:
    """Return the interval of the mean of (n,) values.

    None for fewer than four values, or if an end is infinite because too many resamples have no variance.
    """
    if len(values) < MIN_VALUES:
        return None
    means, variances = _resampled(values, "")
    return _interval(
        float(values.mean()), float(values.var(ddof=1)) / len(values), means, variances / len(values), level
    )


def bootstrap_t_difference(left: FloatArray, right: FloatArray, level: float = LEVEL) -> Interval | None:
    """Return the interval of the difference between the means of two independent samples; None as `bootstrap_t`."""
    if min(len(left), len(right)) < MIN_VALUES:
        return None
    left_means, left_variances = _resampled(left, "arm")
    right_means, right_variances = _resampled(right, "against")
    return _interval(
        float(left.mean() - right.mean()),
        float(left.var(ddof=1) / len(left) + right.var(ddof=1) / len(right)),
        left_means - right_means,
        left_variances / len(left) + right_variances / len(right),
        level,
    )


def _interval(
    value: float, squared_error: float, values: FloatArray, squared_errors: FloatArray, level: float
) -> Interval | None:
    """Return the interval of an estimate from its resampled values and squared standard errors."""
    if squared_error < ZERO_TOLERANCE**2:
        return value, value
    deviations = np.where(np.abs(values - value) < ZERO_TOLERANCE, 0.0, values - value)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(deviations == 0, 0.0, deviations / np.sqrt(np.maximum(squared_errors, 0.0)))
    # Order statistics, because interpolation between infinite values is undefined.
    low, high = np.quantile(t, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    if not np.isfinite([low, high]).all():
        return None
    return value - float(high) * squared_error**0.5, value - float(low) * squared_error**0.5


def _resampled(values: FloatArray, sample: str) -> tuple[FloatArray, FloatArray]:
    """Return the (RESAMPLES,) means and variances of resamples. The variance of a constant resample is 0."""
    n, centre = len(values), float(values.mean())
    deviations, weights = values - centre, _weights(len(values), sample)
    means, squares = weights @ deviations, weights @ deviations**2
    variances = (squares - means**2) * n / (n - 1)
    return means + centre, np.where(variances < _CONSTANT * float((deviations**2).max()), 0.0, variances)


@lru_cache(maxsize=6)
def _weights(n: int, sample: str) -> FloatArray:
    """Return (RESAMPLES, n) shares of each value in resamples, always the same for a sample name and size."""
    drawn = rng("bootstrap", sample, n).integers(n, size=(RESAMPLES, n))
    rows = np.arange(RESAMPLES)[:, None] * n
    weights = np.bincount((rows + drawn).ravel(), minlength=RESAMPLES * n).reshape(RESAMPLES, n) / n
    weights.flags.writeable = False
    return np.asarray(weights)
