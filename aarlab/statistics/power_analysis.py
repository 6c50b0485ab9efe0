"""Power analysis: detectable differences, and the seeds that a difference or an equivalence requires.

`sd` is the standard deviation of the difference between one run of each arm. If runs are unpaired or uncorrelated, it
is that of a run times the square root of two.
"""

from collections.abc import Callable

import numpy as np
from scipy import optimize, stats

from aarlab.statistics.estimates import ALPHA, Interval

POWER = 0.8
"""Probability of detecting the difference."""
_QUANTILES = 400
"""Number of quantiles of the observed standard deviation."""


def power(seeds: int, difference: float, sd: float, *, paired: bool = True, alpha: float = ALPHA) -> float:
    """Return the probability of detecting a difference with Student's test on `seeds` runs per arm, at least two.

    Exact for normal differences, by the noncentral t distribution (Cohen, 1988, chapter 2).
    """
    if sd == 0:
        return 1.0
    return _power(abs(difference) * seeds**0.5 / sd, _degrees_of_freedom(seeds, paired=paired), alpha)


def detectable_difference(seeds: int, sd: float, *, paired: bool = True, alpha: float = ALPHA) -> float:
    """Return the difference that is detected with a power of 0.8 on `seeds` runs per arm, at least two."""
    degrees_of_freedom = _degrees_of_freedom(seeds, paired=paired)
    high = 4.0
    while _power(high, degrees_of_freedom, alpha) < POWER:
        high *= 2
    noncentrality = optimize.brentq(lambda x: _power(x, degrees_of_freedom, alpha) - POWER, 0.0, high)
    return float(noncentrality * sd / seeds**0.5)


def seeds_needed(difference: float, sd: float, *, paired: bool = True, alpha: float = ALPHA) -> int:
    """Return the smallest number of runs per arm, at least two, that detects a difference with a power of 0.8.

    Raises:
        ValueError: The difference is zero.
    """
    if difference == 0:
        raise ValueError("a difference of zero cannot be detected")

    def enough(seeds: int) -> bool:
        return power(seeds, difference, sd, paired=paired, alpha=alpha) >= POWER

    return _smallest_integer(enough, 2)


def equivalence_power(seeds: int, margin: float, sd: float, *, paired: bool = True, alpha: float = ALPHA) -> float:
    """Return the probability of showing equivalence within a margin if the true difference is zero.

    For normal differences, by averaging over the distribution of the observed standard deviation (Phillips, 1990, Power
    of the two one-sided tests procedure).
    """
    if sd == 0:
        return 1.0
    degrees_of_freedom = _degrees_of_freedom(seeds, paired=paired)
    quantiles = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    observed = np.sqrt(stats.chi2.ppf(quantiles, degrees_of_freedom) / degrees_of_freedom)
    room = margin * seeds**0.5 / sd - stats.t.ppf(1 - alpha, degrees_of_freedom) * observed
    return float(np.maximum(2 * stats.norm.cdf(room) - 1, 0.0).mean())


def seeds_for_equivalence(margin: float, sd: float, *, paired: bool = True, alpha: float = ALPHA) -> int:
    """Return the smallest number of runs per arm, at least two, that shows equivalence with a power of 0.8.

    Raises:
        ValueError: The margin is zero.
    """
    if margin == 0:
        raise ValueError("a margin of zero cannot be shown")

    def enough(seeds: int) -> bool:
        return equivalence_power(seeds, abs(margin), sd, paired=paired, alpha=alpha) >= POWER

    return _smallest_integer(enough, 2)


def sd_interval(sd: float, degrees_of_freedom: int, level: float = 0.9) -> Interval:
    """Return the interval of an observed standard deviation, exact for normal values."""
    low, high = (float(stats.chi2.ppf(q, degrees_of_freedom)) for q in ((1 - level) / 2, (1 + level) / 2))
    return sd * (degrees_of_freedom / high) ** 0.5, sd * (degrees_of_freedom / low) ** 0.5


def _power(noncentrality: float, degrees_of_freedom: int, alpha: float) -> float:
    critical = stats.t.ppf(1 - alpha / 2, degrees_of_freedom)
    upper = float(stats.nct.sf(critical, degrees_of_freedom, noncentrality))
    # From 4 on, the probability of the wrong sign is below 1e-6 and scipy is inaccurate.
    return upper if noncentrality > 4 else upper + float(stats.nct.cdf(-critical, degrees_of_freedom, noncentrality))


def _degrees_of_freedom(seeds: int, *, paired: bool) -> int:
    return seeds - 1 if paired else 2 * (seeds - 1)


def _smallest_integer(holds: Callable[[int], bool], minimum: int) -> int:
    """Return the smallest integer from `minimum` on for which a monotone condition holds."""
    high = minimum
    while not holds(high):
        high *= 2
    low = max(minimum, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
