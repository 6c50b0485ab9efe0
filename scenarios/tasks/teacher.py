"""The weak teacher: nearest neighbours in a few crude features of its own, taught on a few true labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from sklearn import config_context
from sklearn.neighbors import KNeighborsClassifier

from aarlab.scenarios.toolkit.inputs import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """k nearest neighbours on standardised features. Its mistakes have structure, as those of a small model do."""

    _model: KNeighborsClassifier
    _mean: FloatArray
    _deviation: FloatArray

    @classmethod
    def taught(cls, features: FloatArray, labels: IntArray, *, neighbours: int) -> Self:
        """Teach it on (n, f) features and their (n,) true labels in {0, 1}."""
        mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-2
        model = KNeighborsClassifier(min(neighbours, len(features)), algorithm="brute")
        return cls(model.fit((features - mean) / deviation, labels), mean, deviation)

    def probabilities(self, features: FloatArray) -> FloatArray:
        """Return the (n,) probabilities of label 1: the neighbours' vote with half a vote added to either side."""
        with config_context(assume_finite=True, skip_parameter_validation=True):
            near = self._model.kneighbors((features - self._mean) / self._deviation, return_distance=False)
        votes = self._model._y[near].sum(axis=1)
        return np.asarray((votes + 0.5) / (near.shape[1] + 1), dtype=np.float64)
