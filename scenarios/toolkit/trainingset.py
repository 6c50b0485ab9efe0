"""The training set: what a pipeline hands from one operator to the next, from `start` to `finish`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from aarlab.scenarios.toolkit.inputs import FloatArray, Inputs, IntArray
from aarlab.scenarios.toolkit.randomness import generator
from aarlab.scenarios.toolkit.student import Readout, Student, fit


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """Unlabelled items, the targets and weights to train the strong student on, and how it will be read out."""

    features: FloatArray
    """(n, k) the items as the student sees them now."""
    test_features: FloatArray
    """(m, k) the test items in the same representation."""
    targets: FloatArray
    """(n,) probability of label 1 to train on, in [0, 1]."""
    weights: FloatArray
    """(n,) weight of each item, non-negative; zero leaves an item out."""
    weak_labels: FloatArray
    """(n,) what the weak teacher said; never changed."""
    relations: IntArray
    """(r, 3) rows (i, j, kind), see `Inputs.relations`."""
    seed: int
    """The world's seed for methods."""
    log: list[dict[str, Any]] = field(repr=False)
    """The world's training log, shared by all training sets of a pipeline."""
    l2: float = 1e-3
    """Strength of the final student's penalty."""
    readout: Readout = "logistic"
    """How the final student is read out."""
    position: int = 0
    """How many operators have run; part of the key of the next one's randomness."""
    warnings: tuple[str, ...] = ()
    """What the operator that is running has to say; moved into its log entry."""

    @classmethod
    def of(cls, world: Inputs) -> Self:
        """Return the training set that uses the weak labels as targets: its labels as targets, equal weights."""
        return cls(
            features=world.features,
            test_features=world.test_features,
            targets=np.clip(world.weak_labels, 0.0, 1.0),
            weights=np.ones(len(world.weak_labels)),
            weak_labels=world.weak_labels,
            relations=world.relations,
            seed=world.seed,
            log=world.log,
        )

    def generator(self) -> np.random.Generator:
        """Return the random generator of this position in the pipeline; each call starts it anew."""
        return generator("operator", self.seed, self.position)

    def with_targets(self, targets: FloatArray) -> TrainingSet:
        """Return the training set with new (n,) targets; the weights stay."""
        return replace(self, targets=targets)

    def relabelled(self, targets: FloatArray) -> TrainingSet:
        """Return the training set with new (n,) targets and equal weights, for labels that speak for every item."""
        return replace(self, targets=targets, weights=np.ones(len(targets)))

    def with_weights(self, weights: FloatArray) -> TrainingSet:
        """Return the training set with new (n,) weights."""
        return replace(self, weights=weights)

    def with_features(self, features: FloatArray, test_features: FloatArray) -> TrainingSet:
        """Return the training set in another representation: (n, k) and (m, k)."""
        return replace(self, features=features, test_features=test_features)

    def warn(self, message: str) -> TrainingSet:
        """Return the training set with one more warning for the log."""
        return replace(self, warnings=(*self.warnings, message))

    def fit(self, *, l2: float) -> Student:
        """Fit a logistic student to the targets and weights as they stand."""
        return fit(self.features, self.targets, self.weights, l2=l2)
