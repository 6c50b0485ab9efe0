"""Measures of a team, computed from the event log of its run.

`docs/measures.md` defines each measure and gives the SQL query for it.
"""

from aarlab.memory.measures.autonomy import autonomy_by_kind, autonomy_by_round, decisions, realised_autonomy
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
from aarlab.memory.measures.paired_worlds import WorldDifference, difference_by_world
from aarlab.memory.measures.progress import (
    DevelopmentPgr,
    MeanResearcherPgr,
    development_pgr,
    frontier,
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
    "critique_uptake",
    "decisions",
    "development_pgr",
    "difference_by_world",
    "entropy",
    "entropy_bits",
    "frontier",
    "mean_researcher_pgr",
    "realised_autonomy",
    "repeated_experiments",
    "shannon_bits",
]
