"""A/A comparison: the difference between arms with the same configuration."""

from collections.abc import Sequence

import numpy as np

from aarlab.memory.seeds import rng
from aarlab.statistics.estimates import LEVEL, FloatArray

SPLITS = 10_000
"""Number of random splits of an arm into halves."""
MIN_RUNS_TO_SPLIT = 4
"""An arm with fewer runs is not split."""


def noise_floor(values: Sequence[float] | FloatArray) -> float | None:
    """Return the 95 % point of the difference between two arms of (n,) runs that differ only in their seeds.

    The runs are split into random halves, and the means of the halves are compared. Halves have half as many runs as
    the arm, so the difference is divided by the square root of two. None for fewer than four runs.
    """
    sample = np.asarray(values, dtype=np.float64)
    n = len(sample)
    if n < MIN_RUNS_TO_SPLIT:
        return None
    half = n // 2
    order = rng("noise floor", n).permuted(np.tile(np.arange(n, dtype=np.int32), (SPLITS, 1)), axis=1)
    shuffled = sample[order]
    half_differences = shuffled[:, :half].mean(axis=1) - shuffled[:, half : 2 * half].mean(axis=1)
    return float(np.quantile(np.abs(half_differences), LEVEL) * (half / n) ** 0.5)
