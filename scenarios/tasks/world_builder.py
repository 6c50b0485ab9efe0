"""From raw items to a world: the student's view is standardised and turned, and the gap is measured."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aarlab.scenarios.task import World
from aarlab.scenarios.toolkit.inputs import FloatArray, Inputs, IntArray
from aarlab.scenarios.toolkit.randomness import generator
from aarlab.scenarios.toolkit.student import fit

MIN_GAP = 0.02
"""A world whose strong accuracy is not this far above its weak teacher is drawn again: PGR would divide by noise."""

MAX_ATTEMPTS = 50


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Items of one world as a task draws them: n unlabelled ones and m to test on."""

    features: FloatArray
    """(n, d)"""
    labels: IntArray
    """(n,)"""
    weak_labels: FloatArray
    """(n,)"""
    test_features: FloatArray
    """(m, d)"""
    test_labels: IntArray
    """(m,)"""
    test_weak_labels: FloatArray
    """(m,)"""
    relations: IntArray
    """(r, 3)"""


def build_world(
    task: str, seed: int, draw: Callable[[np.random.Generator], Items], *, variant: str, strong_l2: float
) -> World:
    """Return the world of a seed, drawn again (from the next stream of the same seed) while its gap is too small.

    `variant` keeps worlds of the same seed apart that are not of the same kind; `strong_l2` is the penalty of the
    student that is trained on the true labels. Raises ValueError for a bad seed, and where no attempt yields a gap: the
    task's parameters leave nothing to recover.
    """
    if seed < 0 or seed.bit_length() > 128:
        raise ValueError(f"a world's seed is a whole number from 0 to 2**128 - 1, not {seed}")
    for attempt in range(MAX_ATTEMPTS):
        rng = generator(task, variant, seed, attempt)
        world = _assemble(task, draw(rng), rng, strong_l2)
        if world.strong_acc - world.weak_acc > MIN_GAP:
            return world
    raise ValueError(
        f"{task}: {MAX_ATTEMPTS} draws had no gap between teacher and strong accuracy; make its parameters less extreme"
    )


def _assemble(task: str, items: Items, rng: np.random.Generator, strong_l2: float) -> World:
    """Centre, turn and scale the features by what the unlabelled items show, and measure teacher and strong accuracy.

    The features keep their relative variances but not their axes: a method cannot know a column from another world.
    """
    mean = items.features.mean(axis=0)
    rotation, _ = np.linalg.qr(rng.normal(size=(len(mean), len(mean))))
    features, test_features = (items.features - mean) @ rotation, (items.test_features - mean) @ rotation
    scale = features.std()
    features, test_features = features / scale, test_features / scale
    strong_predictions = fit(features, items.labels.astype(np.float64), l2=strong_l2).predict(test_features)
    inputs = Inputs(features, items.weak_labels, test_features, items.relations, seed=int(rng.integers(2**62)))
    for array in (inputs.features, inputs.weak_labels, inputs.test_features, inputs.relations):
        array.setflags(write=False)
    return World(
        task,
        inputs,
        weak_acc=_accuracy(items.test_weak_labels, items.test_labels),
        strong_acc=_accuracy(strong_predictions, items.test_labels),
        _test_labels=items.test_labels,
        _unlabelled_labels=items.labels,
    )


def _accuracy(probabilities: FloatArray, labels: IntArray) -> float:
    return float(np.mean((probabilities > 0.5) == (labels == 1)))
