"""Equivalence tests: whether a difference is smaller than a margin in both directions."""

from dataclasses import dataclass

from scipy import stats

from aarlab.statistics.differences import ArmDifference
from aarlab.statistics.estimates import ALPHA, ZERO_TOLERANCE, Interval, t_interval


@dataclass(frozen=True, slots=True)
class Equivalence:
    """The result of two one-sided tests."""

    margin: float
    """Smallest difference of interest: smaller ones count as no effect."""
    p: float
    """The larger of the two one-sided p values."""
    interval: Interval
    """Interval of the difference with the level 1 - 2 * level: 90 % for a level of 5 %. It lies inside the margins
    exactly if equivalence is shown.
    """
    level: float = ALPHA
    """Level of each one-sided test."""

    @property
    def shown(self) -> bool:
        """Whether the difference is shown to be smaller than the margin."""
        return self.p < self.level


def equivalence(difference: ArmDifference, margin: float, *, level: float = ALPHA) -> Equivalence | None:
    """Test whether a difference lies between -margin and margin; None if an arm has a single run.

    Source: Schuirmann (1987), A comparison of the two one-sided tests procedure (TOST).

    Raises:
        ValueError: The margin is not positive.
    """
    if margin <= 0:
        raise ValueError(f"the margin of an equivalence test is {margin}, not above 0")
    mean, se, df = difference.mean.value, difference.standard_error, difference.degrees_of_freedom
    if se is None or df is None:
        return None
    if se < ZERO_TOLERANCE:
        return Equivalence(margin, 0.0 if abs(mean) < margin else 1.0, (mean, mean), level)
    p = max(stats.t.sf((margin + mean) / se, df), stats.t.sf((margin - mean) / se, df))
    return Equivalence(margin, float(p), t_interval(mean, se, df, 1 - 2 * level), level)
