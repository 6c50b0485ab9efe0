"""Curves over runs: means with bands, areas, and performance profiles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from aarlab.statistics.estimates import LEVEL, FloatArray, share_interval

Steps = Sequence[tuple[float, float]]
"""Points (x, y) of a step function, x ascending: its value is y from x on."""


@dataclass(frozen=True, slots=True)
class Band:
    """The mean of curves at (points,) values of x, with a pointwise interval."""

    x: FloatArray
    mean: FloatArray
    low: FloatArray
    """Lower end of the pointwise 95 % interval; the mean for a single curve."""
    high: FloatArray
    runs: int


def best_so_far(steps: Steps, at: FloatArray) -> FloatArray:
    """Return the running maximum of a step function at (points,) values of x: 0 before its first step, never below 0.

    Until a method beats it, the weak teacher counts, with a PGR of 0.
    """
    if not steps:
        return np.zeros(len(at))
    x, heights = np.array(steps, dtype=np.float64).T
    maxima = np.concatenate([[0.0], np.maximum(np.maximum.accumulate(heights), 0.0)])
    return np.asarray(maxima[np.searchsorted(x, at, side="right")])


def normalised_area(steps: Steps, end: float) -> float:
    """Return the area under the running maximum from 0 to `end`, divided by `end`: its mean over time."""
    edges = np.array([0.0, *sorted({x for x, _ in steps if 0 < x < end}), end])
    return float((best_so_far(steps, edges[:-1]) * np.diff(edges)).sum() / end)


def band(x: FloatArray, curves: FloatArray) -> Band:
    """Return the mean of (runs, points) curves with a t interval over runs at each point."""
    n = len(curves)
    mean = curves.mean(axis=0)
    if n < 2:
        return Band(x, mean, mean, mean, n)
    half_width = stats.t.ppf((1 + LEVEL) / 2, n - 1) * curves.std(axis=0, ddof=1) / n**0.5
    return Band(x, mean, mean - half_width, mean + half_width, n)


def profile(values: Sequence[float] | FloatArray, thresholds: FloatArray) -> Band:
    """Return the performance profile: the share of (n,) runs above each of (points,) thresholds.

    If two profiles do not cross, one arm is better at every level and not only on average. Sources: Agarwal et al.
    (2021), after Dolan and More (2002); Wilson (1927) for the interval of a share.
    """
    sample = np.asarray(values, dtype=np.float64)
    n, share = len(sample), (sample[:, None] > thresholds[None, :]).mean(axis=0)
    low, high = np.array([share_interval(float(value), n) for value in share]).T
    return Band(thresholds, share, low, high, n)
