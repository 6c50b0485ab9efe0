"""Diagnostics of a training set that need no true labels: one log entry per operator."""

from typing import Any

import numpy as np
from scipy.special import entr

from aarlab.scenarios.toolkit.inputs import FloatArray
from aarlab.scenarios.toolkit.relations import violations
from aarlab.scenarios.toolkit.trainingset import TrainingSet

MIN_KEPT = 10
"""A selection that keeps fewer items than this is undone."""

NO_RELATIONS = "no relations to project on"
NO_LABEL_RELATIONS = "no relations between items with the same or opposite labels"
ONE_TARGET = "all kept items have the same hardened target"
FEATURES_NOT_FINITE = "the new representation was not finite: kept the old one"
TARGETS_NOT_FINITE = "some targets were not finite: kept the old ones"
TOO_FEW_KEPT = f"fewer than {MIN_KEPT} items kept: every item is used again"
WARNINGS = frozenset(
    {NO_RELATIONS, NO_LABEL_RELATIONS, ONE_TARGET, FEATURES_NOT_FINITE, TARGETS_NOT_FINITE, TOO_FEW_KEPT}
)
"""All warnings of operators. Other agents see no other text of a training log."""


def entropy_bits(probabilities: FloatArray) -> FloatArray:
    """Return the binary entropy of each probability, in bits."""
    return np.asarray((entr(probabilities) + entr(1 - probabilities)) / np.log(2), dtype=np.float64)


def rounded(value: float) -> float:
    """Return a number rounded to six digits, for the log."""
    return round(float(value), 6)


def log_entry(name: str, data: TrainingSet) -> dict[str, Any]:
    """Return the log entry, as JSON-able data, of the operator `name` that returned `data`.

    - kept: share of the items with a weight above zero.
    - agreement: share of the weight on items with a hardened target equal to the weak teacher's answer.
    - entropy: weighted mean entropy of the targets, in bits.
    - balance: weighted mean target.
    - relation_violations: share of the relations that the hardened targets violate; None without relations.
    """
    share = data.weights / data.weights.sum()
    broken = violations(data.targets, data.relations)
    agrees = (data.targets > 0.5) == (data.weak_labels > 0.5)
    return {
        "operator": name,
        "kept": rounded((data.weights > 0).mean()),
        "agreement": rounded(share @ agrees),
        "entropy": rounded(share @ entropy_bits(data.targets)),
        "balance": rounded(share @ data.targets),
        "relation_violations": None if broken is None else rounded(broken),
        "warnings": list(data.warnings),
    }
