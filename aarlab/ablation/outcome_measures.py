"""Outcome measures: what of a run's summary an ablation may be about."""

from collections.abc import Mapping
from typing import Any

MEASURES: Mapping[str, str] = {
    "heldout.pgr": "held-out PGR",
    "heldout_pgr_by_budget.quarter": "held-out PGR of what led at a quarter of the budget",
    "heldout_pgr_by_budget.half": "held-out PGR of what led at half of the budget",
    "shifted.pgr": "PGR on shifted worlds",
    "best.pgr": "PGR of the winner where the finalists were scored again",
    "baseline.pgr": "held-out PGR of the best fixed baseline",
    "development_pgr.quarter": "best development PGR at a quarter of the budget",
    "development_pgr.half": "best development PGR at half of the budget",
    "development_pgr.whole": "best development PGR at the end",
    "development_pgr.mean": "best development PGR, mean over the budget",
    "entropy_bits": "entropy over method families, bits",
    "novelty": "novelty of findings",
    "borrow_depth": "how often the winner's idea changed hands",
    "repeated_experiment_share": "share of full experiments that had been done before",
    "realised_autonomy": "realised autonomy",
    "findings": "findings",
    "borrows": "borrows",
    "critiques": "critiques",
    "experiments": "experiments",
    "evaluations": "evaluations",
    "hours": "research hours of the team",
    "cost_usd": "cost, US dollars",
    "usd_per_hour": "cost of a researcher's hour, US dollars",
}
"""By path into the summary, in words."""
OPEN_ENDED: Mapping[str, str] = {
    "transfer.": "PGR of the winner on another task, such as `transfer.math.pgr`",
    "autonomy_by_kind.": "realised autonomy of one kind of decision, such as `autonomy_by_kind.direction`",
}
"""Beginnings of paths that go on with a name."""


def is_measure(path: str) -> bool:
    """Whether there is such a measure."""
    return path in MEASURES or any(path.startswith(start) and len(path) > len(start) for start in OPEN_ENDED)


def measured(summary: Mapping[str, Any], path: str) -> float | None:
    """Return a measure of a run from its summary; None where there was nothing to measure."""
    value: Any = summary
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
