"""What can be read from a run file about the team as a whole: pure functions of the event log.

`docs/measures.md` says how each adds up from the events, with queries for any SQLite browser.
"""

from aarlab.memory.measures.autonomy import autonomy_by_kind, autonomy_by_round, decisions, realised_autonomy
from aarlab.memory.measures.diversity import Entropy, RoundEntropy, entropy, entropy_bits, shannon_bits
from aarlab.memory.measures.exchange import (
    BorrowDepth,
    Repeats,
    Uptake,
    borrow_depth,
    borrow_depths,
    critique_uptake,
    repeats,
)
from aarlab.memory.measures.progress import DevelopmentPgr, development_pgr, frontier
from aarlab.memory.measures.team import by_hour

__all__ = [
    "BorrowDepth",
    "DevelopmentPgr",
    "Entropy",
    "Repeats",
    "RoundEntropy",
    "Uptake",
    "autonomy_by_kind",
    "autonomy_by_round",
    "borrow_depth",
    "borrow_depths",
    "by_hour",
    "critique_uptake",
    "decisions",
    "development_pgr",
    "entropy",
    "entropy_bits",
    "frontier",
    "realised_autonomy",
    "repeats",
    "shannon_bits",
]
