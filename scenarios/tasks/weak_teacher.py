"""The weak teacher: nearest neighbours in a few crude features of its own, taught on a few true labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.spatial.distance import cdist

from aarlab.scenarios.toolkit.inputs import FloatArray, IntArray

_TIE = 1e-9
"""What a place further back in the teaching adds to a squared distance."""


@dataclass(frozen=True, slots=True, eq=False)
class WeakTeacher:
    """k nearest neighbours on standardised features. Its mistakes have structure, as those of a small model do."""

    _train_features: FloatArray
    _labels: IntArray
    _neighbours: int
    _mean: FloatArray
    _deviation: FloatArray

    @classmethod
    def fit(cls, features: FloatArray, labels: IntArray, *, neighbours: int) -> Self:
        """Teach it on (n, f) features and their (n,) true labels in {0, 1}."""
        mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-2
        return cls((features - mean) / deviation, labels, min(neighbours, len(features)), mean, deviation)

    def probabilities(self, features: FloatArray) -> FloatArray:
        """Return the (n,) probabilities of label 1: the neighbours' vote with half a vote added to either side.

        Of several that are equally near, those taught first are asked.
        """
        distances = cdist((features - self._mean) / self._deviation, self._train_features, "sqeuclidean")
        # Left to a library, ties are broken as its threads happen to share the work: another world on another machine.
        distances += _TIE * np.arange(len(self._train_features))
        row, votes = np.arange(len(distances)), np.zeros(len(distances), dtype=np.int64)
        for _ in range(self._neighbours):  # for a few neighbours several times as fast as a partition
            nearest = distances.argmin(axis=1)
            votes += self._labels[nearest]
            distances[row, nearest] = np.inf
        return np.asarray((votes + 0.5) / (self._neighbours + 1), dtype=np.float64)
