"""What a design can show: the smallest difference for a number of seeds, and the seeds for a difference.

A spread is always that of the difference between one run of each arm. Where runs are not paired, or pairing gains
nothing, it is the spread of a run times the root of two.
"""

from collections.abc import Callable

from scipy import optimize, stats

from aarlab.statistics.estimates import Interval

ALPHA = 0.05
"""Two-sided level of the tests."""
POWER = 0.8
"""Chance to find the difference that is asked for."""


def power(seeds: int, difference: float, sd: float, *, paired: bool = True, alpha: float = ALPHA) -> float:
    """Return the chance to find a difference with Student's test on `seeds` runs of each arm, two or more.

    Exact for normal differences, by the noncentral t distribution (Cohen, 1988, chapter 2).
    """
    if sd == 0:
        return 1.0
    return _power(abs(difference) * seeds**0.5 / sd, _degrees_of_freedom(seeds, paired=paired), alpha)


def detectable_difference(seeds: int, sd: float, *, paired: bool = True, alpha: float = ALPHA) -> float:
    """Return the difference that is found with a chance of 0.8 on `seeds` runs of each arm, two or more."""
    degrees_of_freedom = _degrees_of_freedom(seeds, paired=paired)
    high = 4.0
    while _power(high, degrees_of_freedom, alpha) < POWER:
        high *= 2
    noncentrality = optimize.brentq(lambda x: _power(x, degrees_of_freedom, alpha) - POWER, 0.0, high)
    return float(noncentrality * sd / seeds**0.5)


def seeds_needed(difference: float, sd: float, *, paired: bool = True, alpha: float = ALPHA) -> int:
    """Return the smallest number of runs of each arm, two or more, that find a difference with a chance of 0.8.

    Raises:
        ValueError: The difference is zero: no number of seeds finds that.
    """
    if difference == 0:
        raise ValueError("a difference of zero cannot be found")

    def enough(seeds: int) -> bool:
        return power(seeds, difference, sd, paired=paired, alpha=alpha) >= POWER

    return _smallest_integer(enough, 2)


def sd_interval(sd: float, degrees_of_freedom: int, level: float = 0.9) -> Interval:
    """Return the interval of a standard deviation seen with so many degrees of freedom, exact for normal values."""
    low, high = (float(stats.chi2.ppf(at, degrees_of_freedom)) for at in ((1 - level) / 2, (1 + level) / 2))
    return sd * (degrees_of_freedom / high) ** 0.5, sd * (degrees_of_freedom / low) ** 0.5


def _power(noncentrality: float, degrees_of_freedom: int, alpha: float) -> float:
    critical = stats.t.ppf(1 - alpha / 2, degrees_of_freedom)
    found = float(stats.nct.sf(critical, degrees_of_freedom, noncentrality))
    # On the wrong side the chance is below 1e-6 from 4 on, where scipy comes to its limits.
    return found if noncentrality > 4 else found + float(stats.nct.cdf(-critical, degrees_of_freedom, noncentrality))


def _degrees_of_freedom(seeds: int, *, paired: bool) -> int:
    return seeds - 1 if paired else 2 * (seeds - 1)


def _smallest_integer(holds: Callable[[int], bool], least: int) -> int:
    """Return the first number from `least` on for which something holds that goes on to hold."""
    high = least
    while not holds(high):
        high *= 2
    low = max(least, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
