"""Statistics over runs. The unit is the run; `docs/statistics.md` gives formulas, sources and measured coverage.

These functions take and return plain numbers, do not read run files, and are deterministic.
"""

from aarlab.statistics.bootstrap_t import RESAMPLES, bootstrap_t, bootstrap_t_difference
from aarlab.statistics.curves import Band, band, best_so_far, normalised_area, profile
from aarlab.statistics.differences import EXACT_BELOW, MIN_PAIRS, ArmDifference, Pairing, compare, holm
from aarlab.statistics.equivalence import Equivalence, equivalence
from aarlab.statistics.estimates import (
    ALPHA,
    LEVEL,
    MIN_RUNS,
    ArmSummary,
    Estimate,
    Interval,
    arm_summary,
    interquartile_mean,
    mean_estimate,
    share_interval,
    t_interval,
    t_test,
)
from aarlab.statistics.exact_tests import permutation_p, sign_flip_p
from aarlab.statistics.mixed_model import Scores, TaskEffects, mixed_model
from aarlab.statistics.noise_floor import noise_floor
from aarlab.statistics.power_analysis import (
    POWER,
    detectable_difference,
    equivalence_power,
    power,
    sd_interval,
    seeds_for_equivalence,
    seeds_needed,
)
from aarlab.statistics.regression import Slope, between_arms, within_arms
from aarlab.statistics.sequential import Look, nominal_levels, planned_looks, sequential_p

__all__ = [
    "ALPHA",
    "EXACT_BELOW",
    "LEVEL",
    "MIN_PAIRS",
    "MIN_RUNS",
    "POWER",
    "RESAMPLES",
    "ArmDifference",
    "ArmSummary",
    "Band",
    "Equivalence",
    "Estimate",
    "Interval",
    "Look",
    "Pairing",
    "Scores",
    "Slope",
    "TaskEffects",
    "arm_summary",
    "band",
    "best_so_far",
    "between_arms",
    "bootstrap_t",
    "bootstrap_t_difference",
    "compare",
    "detectable_difference",
    "equivalence",
    "equivalence_power",
    "holm",
    "interquartile_mean",
    "mean_estimate",
    "mixed_model",
    "noise_floor",
    "nominal_levels",
    "normalised_area",
    "permutation_p",
    "planned_looks",
    "power",
    "profile",
    "sd_interval",
    "seeds_for_equivalence",
    "seeds_needed",
    "sequential_p",
    "share_interval",
    "sign_flip_p",
    "t_interval",
    "t_test",
    "within_arms",
]
