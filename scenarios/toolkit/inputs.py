"""The input of a method: the visible part of a world."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

SAME = 0
"""Relation kind: the two items have the same label."""
OPPOSITE = 1
"""Relation kind: the two items have opposite labels."""
NOT_BOTH = 2
"""Relation kind: at most one of the two items has label 1."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Inputs:
    """The visible part of a world. It contains no true label."""

    features: FloatArray
    """(n, d) the strong student's features of the unlabelled items."""
    weak_labels: FloatArray
    """(n,) the weak teacher's probability that an item has label 1."""
    test_features: FloatArray
    """(m, d) the strong student's features of the test items."""
    relations: IntArray
    """(r, 3) rows (i, j, kind): known relation of two unlabelled items; kind is SAME, OPPOSITE or NOT_BOTH."""
    seed: int
    """Seed for the method's randomness."""
    log: list[dict[str, Any]] = field(default_factory=list)
    """The training log, JSON-able: each operator of the toolkit appends its diagnostics."""

    def __repr__(self) -> str:
        """Return the shapes instead of tens of thousands of numbers."""
        (n, d), m, r = self.features.shape, len(self.test_features), len(self.relations)
        return f"Inputs({n} unlabelled and {m} test items, {d} features, {r} relations)"
