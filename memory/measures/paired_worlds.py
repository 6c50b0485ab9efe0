"""The difference between two scores over worlds: paired by world, or of means on different worlds."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.95
"""Level of the interval."""


@dataclass(frozen=True, slots=True)
class WorldDifference:
    """Mean difference of PGR between two methods on the same worlds."""

    mean: float
    low: float
    """Lower end of the 95 % interval over worlds."""
    high: float
    p: float
    """Two-sided p value of Student's paired test; below .05 exactly if the interval excludes 0."""
    worlds: int


def difference_by_world(
    pgr_by_world: Sequence[float] | None, reference: Sequence[float] | None
) -> WorldDifference | None:
    """Return the PGR of a method minus that of a reference method, paired by world, with Student's t interval.

    The interval describes other worlds for the same two methods. It does not describe other runs.

    Args:
        pgr_by_world: PGR of the method on each world of a panel.
        reference: PGR of the reference method on the same worlds.

    Returns:
        None if a method has no scores, or for fewer than two worlds.

    Raises:
        ValueError: The numbers of worlds differ.
    """
    if pgr_by_world is None or reference is None or min(len(pgr_by_world), len(reference)) < 2:
        return None
    # The import of scipy takes longer than the rest of a summary.
    from scipy.special import stdtr, stdtrit

    differences = [own - other for own, other in zip(pgr_by_world, reference, strict=True)]
    n, mean = len(differences), statistics.fmean(differences)
    se = statistics.stdev(differences) / n**0.5
    half_width = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * se
    t = mean / se if se else math.copysign(math.inf, mean) if mean else 0.0
    return WorldDifference(mean, mean - half_width, mean + half_width, float(2 * stdtr(n - 1, -abs(t))), n)


def difference_of_means(
    mean: float, se: float, worlds: int, other: float, other_se: float, other_worlds: int
) -> WorldDifference:
    """Return the difference of two means on different worlds, `mean` minus `other`, with Welch's t interval (1947).

    Args:
        mean: PGR of the first, over two or more worlds.
        se: Its standard error.
        worlds: Its number of worlds.
        other: PGR of the second, over two or more other worlds.
        other_se: Its standard error.
        other_worlds: Its number of worlds.
    """
    from scipy.special import stdtr, stdtrit

    variances, difference = (se**2, other_se**2), mean - other
    total = sum(variances)
    if not total:
        return WorldDifference(
            difference, difference, difference, 0.0 if difference else 1.0, min(worlds, other_worlds)
        )
    freedom = total**2 / (variances[0] ** 2 / (worlds - 1) + variances[1] ** 2 / (other_worlds - 1))
    half_width = float(stdtrit(freedom, (1 + LEVEL) / 2)) * total**0.5
    p = float(2 * stdtr(freedom, -abs(difference) / total**0.5))
    return WorldDifference(difference, difference - half_width, difference + half_width, p, min(worlds, other_worlds))
