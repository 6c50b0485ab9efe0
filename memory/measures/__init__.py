"""Measures of a team, computed from the event log of its run.

`docs/measures.md` defines each measure and gives the SQL query for it.
"""

from aarlab.memory.measures.autonomy import autonomy_by_kind, autonomy_by_round, decisions, realised_autonomy
from aarlab.memory.measures.coordination import (
    convergence_hours,
    failed_experiment_share,
    merged_share,
    message_density,
)
from aarlab.memory.measures.diversity import Entropy, RoundEntropy, entropy, entropy_bits, shannon_bits
from aarlab.memory.measures.exchange import (
    BorrowDepth,
    CritiqueUptake,
    RepeatedExperiments,
    borrow_depth,
    borrow_depths,
    critique_uptake,
    repeated_experiments,
)
from aarlab.memory.measures.paired_worlds import WorldDifference, difference_by_world, difference_of_means
from aarlab.memory.measures.progress import (
    DevelopmentPgr,
    MeanResearcherPgr,
    development_pgr,
    frontier,
    hours_at_round_ends,
    mean_researcher_pgr,
)

__all__ = [
    "BorrowDepth",
    "CritiqueUptake",
    "DevelopmentPgr",
    "Entropy",
    "MeanResearcherPgr",
    "RepeatedExperiments",
    "RoundEntropy",
    "WorldDifference",
    "autonomy_by_kind",
    "autonomy_by_round",
    "borrow_depth",
    "borrow_depths",
    "convergence_hours",
    "critique_uptake",
    "decisions",
    "development_pgr",
    "difference_by_world",
    "difference_of_means",
    "entropy",
    "entropy_bits",
    "failed_experiment_share",
    "frontier",
    "hours_at_round_ends",
    "mean_researcher_pgr",
    "merged_share",
    "message_density",
    "realised_autonomy",
    "repeated_experiments",
    "shannon_bits",
]
