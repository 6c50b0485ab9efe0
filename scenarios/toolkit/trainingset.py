"""The training set that a pipeline passes from operator to operator, from `start` to `finish`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from aarlab.scenarios.toolkit.inputs import FloatArray, Inputs, IntArray
from aarlab.scenarios.toolkit.randomness import generator
from aarlab.scenarios.toolkit.student import Readout, Student, fit


@dataclass(frozen=True, slots=True, eq=False)
class FineTuning:
    """How a student that is a real model is fine-tuned; arguments of `Inputs.finetune`."""

    world: Inputs
    epochs: int | None = None
    rate: float = 1.0
    alpha: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """Unlabelled items with targets and weights for the strong student, and the settings of its final fit."""

    features: FloatArray
    """(n, k) current representation of the unlabelled items."""
    test_features: FloatArray
    """(m, k) the test items in the same representation."""
    targets: FloatArray
    """(n,) training targets: probabilities of label 1."""
    weights: FloatArray
    """(n,) non-negative weights of the items; zero drops an item."""
    weak_labels: FloatArray
    """(n,) weak labels, which operators do not change."""
    relations: IntArray
    """(r, 3) rows (i, j, kind), see `Inputs.relations`."""
    seed: int
    """The world's seed for methods."""
    log: list[dict[str, Any]] = field(repr=False)
    """The world's training log, shared by all training sets of a pipeline."""
    l2: float = 1e-3
    """Strength of the final student's L2 penalty."""
    readout: Readout = "logistic"
    """Readout of the final student."""
    fine_tuning: FineTuning | None = None
    """How the final student is fine-tuned; None: it is a readout."""
    position: int = 0
    """Number of operators that have run; part of the key of the next operator's random stream."""
    warnings: tuple[str, ...] = ()
    """Warnings of the current operator, for its log entry."""

    @classmethod
    def of(cls, world: Inputs) -> Self:
        """Return the training set with the weak labels as targets and equal weights."""
        return cls(
            features=world.features,
            test_features=world.test_features,
            targets=np.clip(world.weak_labels, 0.0, 1.0),
            weights=np.ones(len(world.weak_labels)),
            weak_labels=world.weak_labels,
            relations=world.relations,
            seed=world.seed,
            log=world.log,
            fine_tuning=None if world.student is None else FineTuning(world),
        )

    def generator(self) -> np.random.Generator:
        """Return a new random generator for this position in the pipeline."""
        return generator("operator", self.seed, self.position)

    def with_targets(self, targets: FloatArray) -> TrainingSet:
        """Return the training set with new (n,) targets and the same weights."""
        return replace(self, targets=targets)

    def relabelled(self, targets: FloatArray) -> TrainingSet:
        """Return the training set with new (n,) targets and equal weights."""
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
        """Return a logistic student fitted to the current targets and weights."""
        return fit(self.features, self.targets, self.weights, l2=l2)
