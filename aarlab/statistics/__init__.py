"""What runs say about arms. The unit is the run; `docs/statistics.md` gives formulas, sources and measured coverage.

Nothing here knows a run file or an ablation: numbers go in, numbers with intervals come out, always the same for the
same numbers.
"""

from aarlab.statistics.curves import Band, area, band, best_so_far, profile
from aarlab.statistics.differences import Difference, Pairing, compare, holm
from aarlab.statistics.estimates import (
    FEWEST,
    LEVEL,
    RESAMPLES,
    Estimate,
    Interval,
    Standing,
    estimate,
    interquartile_mean,
    mean,
    median,
    standing,
)
from aarlab.statistics.noise import noise_floor
from aarlab.statistics.power import (
    ALPHA,
    POWER,
    SPREAD_OF_RUNS,
    power,
    seeds_needed,
    smallest_difference,
    spread_interval,
)
from aarlab.statistics.regression import Slope, between_arms, within_arms

__all__ = [
    "ALPHA",
    "FEWEST",
    "LEVEL",
    "POWER",
    "RESAMPLES",
    "SPREAD_OF_RUNS",
    "Band",
    "Difference",
    "Estimate",
    "Interval",
    "Pairing",
    "Slope",
    "Standing",
    "area",
    "band",
    "best_so_far",
    "between_arms",
    "compare",
    "estimate",
    "holm",
    "interquartile_mean",
    "mean",
    "median",
    "noise_floor",
    "power",
    "profile",
    "seeds_needed",
    "smallest_difference",
    "spread_interval",
    "standing",
    "within_arms",
]
