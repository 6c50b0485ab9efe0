"""Group-sequential looks: significance levels for an ablation that is analysed several times as seeds are added.

Testing at 5 % after 10, 20 and 40 seeds rejects a true null hypothesis more often than in 5 % of cases. The levels here
spend 5 % over all looks, little at early ones. They depend only on the number of seeds at each look, not on the
results, so a look may be omitted. Sources: O'Brien and Fleming (1979) for the shape; Lan and DeMets (1983), Discrete
sequential boundaries for clinical trials, for the spending function; Armitage, McPherson and Rowe (1969) for the
integration.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import optimize
from scipy.special import ndtr, ndtri

from aarlab.statistics.estimates import ALPHA, FloatArray

_NODES = 96
"""Points of the Gauss-Legendre quadrature."""
_MAX_Z = 9.0
"""Larger boundaries have a probability below 1e-18."""


@dataclass(frozen=True, slots=True)
class Look:
    """One planned analysis."""

    number: int
    """From 1."""
    of: int
    """Number of planned looks."""
    seeds: int
    """Seeds of each arm at this look."""
    level: float
    """Nominal two-sided level: a p value below it is significant at this look."""
    spent: float
    """Significance level that is spent up to and including this look."""


def planned_looks(seeds: Sequence[int]) -> tuple[Look, ...]:
    """Return the looks at these numbers of seeds, ascending. The last one is complete: it has spent 5 %."""
    levels, spent = nominal_levels(tuple(seeds), ALPHA), _spending(tuple(seeds), ALPHA)
    return tuple(
        Look(i + 1, len(seeds), n, level, total)
        for i, (n, level, total) in enumerate(zip(seeds, levels, spent, strict=True))
    )


def sequential_p(p: float | None, seeds: Sequence[int], look: int) -> float | None:
    """Return a p value that accounts for all looks up to `look`, from 1: below 5 % exactly if p is below its level.

    It is the smallest overall level at which the look rejects, so Holm's correction applies to it. None stays None.
    """
    if p is None or p <= 0 or p >= 1:
        return p

    def excess(log_alpha: float) -> float:
        return nominal_levels(tuple(seeds), float(np.exp(log_alpha)))[look - 1] - p

    low, high = np.log(1e-12), np.log(1 - 1e-9)
    if excess(low) >= 0 or excess(high) <= 0:
        return p if excess(low) >= 0 else 1.0
    return float(np.exp(optimize.brentq(excess, low, high, xtol=1e-6)))


@cache
def nominal_levels(seeds: tuple[int, ...], alpha: float) -> tuple[float, ...]:
    """Return the nominal two-sided level of each look for an overall level of `alpha`."""
    information = np.array(seeds) / seeds[-1]
    spent = np.diff([0.0, *_spending(seeds, alpha)])
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    boundaries: list[float] = []
    # Before the first look, a Brownian motion is at 0 with probability 1.
    points, density, time = np.zeros(1), np.ones(1), 0.0
    for t, increment in zip(information, spent, strict=True):
        z = _boundary(points, density, increment, t, t - time)
        boundaries.append(z)
        inside = z * t**0.5 * nodes
        variance = t - time
        step = np.exp(-((inside[:, None] - points) ** 2) / (2 * variance)) / (2 * np.pi * variance) ** 0.5
        points, density, time = inside, z * t**0.5 * weights * (step @ density), t
    return tuple(float(2 * ndtr(-z)) for z in boundaries)


def _boundary(points: FloatArray, density: FloatArray, increment: float, t: float, step: float) -> float:
    """Return the z value that is first crossed at this look with probability `increment`."""

    def excess(z: float) -> float:
        edge, sd = z * t**0.5, step**0.5
        crossed = ndtr((points - edge) / sd) + ndtr((-edge - points) / sd)
        return float(crossed @ density) - increment

    return _MAX_Z if excess(_MAX_Z) >= 0 else float(optimize.brentq(excess, 0.0, _MAX_Z))


def _spending(seeds: tuple[int, ...], alpha: float) -> list[float]:
    """Return the level spent up to each look: alpha / 2 on each side by the O'Brien-Fleming type of spending."""
    information = np.array(seeds) / seeds[-1]
    return [float(4 * ndtr(ndtri(alpha / 4) / t**0.5)) for t in information]
