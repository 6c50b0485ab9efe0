"""The difference between two methods on the same worlds, paired by world."""

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
