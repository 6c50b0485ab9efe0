"""The weak teacher: nearest neighbours in a few crude features, trained on a few true labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from aarlab.scenarios.toolkit.inputs import FloatArray, IntArray

_TIE = 1e-9
"""Added to a squared distance per position in the training set."""


@dataclass(frozen=True, slots=True, eq=False)
class WeakTeacher:
    """k nearest neighbours on standardised features. Its errors are systematic, like those of a small model."""

    _train_features: FloatArray
    _labels: IntArray
    _neighbours: int
    _mean: FloatArray
    _deviation: FloatArray

    @classmethod
    def fit(cls, features: FloatArray, labels: IntArray, *, neighbours: int) -> Self:
        """Return a teacher trained on (n, f) features and (n,) true labels in {0, 1}."""
        mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-2
        return cls((features - mean) / deviation, labels, min(neighbours, len(features)), mean, deviation)

    def probabilities(self, features: FloatArray) -> FloatArray:
        """Return (n,) probabilities of label 1: the neighbours' votes with half a vote added for each class.

        Ties in distance go to the earlier training items.
        """
        # Squared distances without the square of the item itself, which does not change the order of its neighbours:
        # one matrix product instead of `cdist`, which takes up to five times as long.
        squares = np.einsum("ij,ij->i", self._train_features, self._train_features)
        distances = (features - self._mean) / self._deviation @ (-2 * self._train_features.T) + squares
        # A library breaks ties depending on its number of threads, which would make worlds depend on the machine.
        distances += _TIE * np.arange(len(self._train_features))
        row, votes = np.arange(len(distances)), np.zeros(len(distances), dtype=np.int64)
        for _ in range(self._neighbours):  # for few neighbours several times faster than a partition
            nearest = distances.argmin(axis=1)
            votes += self._labels[nearest]
            distances[row, nearest] = np.inf
        return np.asarray((votes + 0.5) / (self._neighbours + 1), dtype=np.float64)
