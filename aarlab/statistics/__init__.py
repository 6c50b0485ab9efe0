"""Statistics over runs. The unit is the run; `docs/statistics.md` gives formulas, sources and measured coverage.

These functions take and return plain numbers, do not read run files, and are deterministic.
"""

from aarlab.statistics.curves import Band, band, best_so_far, normalised_area, profile
from aarlab.statistics.differences import ArmDifference, Pairing, compare, holm
from aarlab.statistics.estimates import (
    LEVEL,
    MIN_RUNS,
    RESAMPLES,
    ArmSummary,
    Estimate,
    Interval,
    arm_summary,
    estimate,
    interquartile_mean,
    mean,
    median,
)
from aarlab.statistics.noise_floor import noise_floor
from aarlab.statistics.power_analysis import (
    ALPHA,
    POWER,
    detectable_difference,
    power,
    sd_interval,
    seeds_needed,
)
from aarlab.statistics.regression import Slope, between_arms, within_arms

__all__ = [
    "ALPHA",
    "LEVEL",
    "MIN_RUNS",
    "POWER",
    "RESAMPLES",
    "ArmDifference",
    "ArmSummary",
    "Band",
    "Estimate",
    "Interval",
    "Pairing",
    "Slope",
    "arm_summary",
    "band",
    "best_so_far",
    "between_arms",
    "compare",
    "detectable_difference",
    "estimate",
    "holm",
    "interquartile_mean",
    "mean",
    "median",
    "noise_floor",
    "normalised_area",
    "power",
    "profile",
    "sd_interval",
    "seeds_needed",
    "within_arms",
]
