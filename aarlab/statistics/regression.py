"""Regression of PGR on realised autonomy, between and within arms.

Runs of one arm share a structure and therefore most of their autonomy, so they are not independent evidence about
autonomy. Between arms, each arm counts once, whatever its number of runs. The regression does not separate autonomy
from other differences between the arms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from aarlab.statistics.estimates import LEVEL, FloatArray, Interval

MIN_ARMS = 3
"""A regression between arms needs at least this number of arms."""

Points = Mapping[str, Sequence[tuple[float, float]]]
"""(x, y) of each run, by arm."""


@dataclass(frozen=True, slots=True)
class Slope:
    """A regression line."""

    slope: float
    """PGR per unit of autonomy, from 0 to 1."""
    intercept: float | None
    """PGR at autonomy 0; None within arms, where each arm has its own."""
    interval: Interval
    """95 % interval of the slope, by Student's distribution."""
    units: int
    """Number of arms (between) or runs (within)."""


def between_arms(points: Points) -> Slope | None:
    """Return the line through the means of the arms; None for fewer than three arms or equal autonomy.

    Source: Donald and Lang (2007), Inference with difference-in-differences and other panel data: with few groups whose
    members share the regressor, groups are the observations and n - 2 their degrees of freedom.
    """
    means = np.array([np.mean(runs, axis=0) for _, runs in sorted(points.items()) if runs]).reshape(-1, 2)
    if len(means) < MIN_ARMS or np.ptp(means[:, 0]) == 0:
        return None
    line = stats.linregress(means[:, 0], means[:, 1])
    half_width = float(stats.t.ppf((1 + LEVEL) / 2, len(means) - 2)) * float(line.stderr)
    slope = float(line.slope)
    return Slope(slope, float(line.intercept), (slope - half_width, slope + half_width), len(means))


def within_arms(points: Points) -> Slope | None:
    """Return the common slope of runs around the means of their arms: ordinary least squares with an effect per arm.

    It shows whether runs with more autonomy than others of their arm have a higher PGR, which is not an effect of
    structure. None if autonomy does not vary within arms, or for too few runs.
    """
    arms = [np.asarray(runs, dtype=np.float64) for _, runs in sorted(points.items()) if len(runs) > 1]
    if not arms:
        return None
    centred: FloatArray = np.concatenate([runs - runs.mean(axis=0) for runs in arms])
    x, y = centred[:, 0], centred[:, 1]
    degrees_of_freedom = len(centred) - len(arms) - 1
    total = float(x @ x)
    if degrees_of_freedom < 1 or max(float(np.ptp(runs[:, 0])) for runs in arms) == 0:
        return None
    slope = float(x @ y) / total
    error = (float(((y - slope * x) ** 2).sum()) / degrees_of_freedom / total) ** 0.5
    half_width = float(stats.t.ppf((1 + LEVEL) / 2, degrees_of_freedom)) * error
    return Slope(slope, None, (slope - half_width, slope + half_width), len(centred))
