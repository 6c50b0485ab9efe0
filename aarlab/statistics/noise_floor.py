"""How far arms stand apart that do not differ at all: A/A comparison."""

from collections.abc import Sequence

import numpy as np

from aarlab.memory.seeds import rng
from aarlab.statistics.estimates import LEVEL, FloatArray

SPLITS = 10_000
"""Ways in which the runs of an arm are split in halves."""
MIN_RUNS_TO_SPLIT = 4
"""Runs below which an arm cannot be split."""


def noise_floor(values: Sequence[float] | FloatArray) -> float | None:
    """Return how far, at the 95 % point, two arms of (n,) runs stand apart if only their seeds differ.

    The runs of one arm are split into random halves again and again and the halves' means compared. Halves have half
    as many runs as the arm, so what they differ by is divided by the root of two. None for fewer than four runs.
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
