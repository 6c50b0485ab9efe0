"""A/A comparison: the difference between arms with the same configuration."""

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from aarlab.statistics.estimates import LEVEL, FloatArray


def noise_floor(values: Sequence[float] | FloatArray) -> float | None:
    """Return the 95 % point of the difference between two arms of (n,) runs that differ only in their seeds.

    The difference of two means has the standard error `sd * sqrt(2 / n)`. As `sd` is estimated from n runs, the
    difference divided by it has Student's distribution with n - 1 degrees of freedom, exactly for normal values. None
    for a single run.
    """
    sample = np.asarray(values, dtype=np.float64)
    n = len(sample)
    if n < 2:
        return None
    return float(stdtrit(n - 1, (1 + LEVEL) / 2) * sample.std(ddof=1) * (2 / n) ** 0.5)
