"""Build a world from raw items: rotate and scale the features, and measure the gap."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aarlab.scenarios.task import Split, World
from aarlab.scenarios.toolkit.inputs import FloatArray, Inputs, IntArray
from aarlab.scenarios.toolkit.randomness import generator
from aarlab.scenarios.toolkit.student import fit

MIN_GAP = 0.02
"""Smallest gap between strong and weak accuracy. Worlds below it are resampled, because their PGR would be noise."""

MAX_ATTEMPTS = 50


class NoGapError(ValueError):
    """No draw of a world has a gap between the weak teacher and the strong student."""


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Raw items of one world: n unlabelled items and m test items."""

    features: FloatArray
    """(n, d) features of the strong student."""
    labels: IntArray
    """(n,) true labels in {0, 1}."""
    weak_labels: FloatArray
    """(n,) teacher's probabilities of label 1."""
    test_features: FloatArray
    """(m, d)"""
    test_labels: IntArray
    """(m,)"""
    test_weak_labels: FloatArray
    """(m,)"""
    relations: IntArray
    """(r, 3) known relations between unlabelled items, see `Inputs.relations`; r can be 0."""


def build_world(
    task: str, seed: int, draw: Callable[[np.random.Generator], Items], *, split: Split, strong_l2: float
) -> World:
    """Return the world of a seed. While its gap is too small, it is resampled from the next stream of the seed.

    Args:
        task: Name of the task.
        seed: Integer from 0 to 2**128 - 1.
        draw: Draws the raw items.
        split: The same seed gives a different world for each split.
        strong_l2: L2 penalty of the student that is trained on true labels.

    Raises:
        NoGapError: No attempt has a gap.
        ValueError: The seed is out of range.
    """
    check_world_seed(seed)
    for attempt in range(MAX_ATTEMPTS):
        rng = generator(task, split, seed, attempt)
        world = _assemble(task, draw(rng), rng, strong_l2)
        if world.strong_acc - world.weak_acc > MIN_GAP:
            return world
    raise NoGapError(
        f"task {task}: in {MAX_ATTEMPTS} draws of a world the strong student was never more than {MIN_GAP} better than "
        "the weak teacher; change the task's parameters or data"
    )


def check_world_seed(seed: int) -> None:
    """Raise ValueError unless the seed is an integer from 0 to 2**128 - 1."""
    if seed < 0 or seed.bit_length() > 128:
        raise ValueError(f"a world's seed must be an integer from 0 to 2**128 - 1, not {seed}")


def _assemble(task: str, items: Items, rng: np.random.Generator, strong_l2: float) -> World:
    """Return the world: features centred, rotated at random and scaled, and both accuracies measured.

    Centre and scale come from the unlabelled items. The rotation keeps the relative variances, but hides which column
    is which, so that a method cannot recognise a column from another world.
    """
    mean = items.features.mean(axis=0)
    rotation, _ = np.linalg.qr(rng.normal(size=(len(mean), len(mean))))
    features, test_features = (items.features - mean) @ rotation, (items.test_features - mean) @ rotation
    scale = features.std()
    features, test_features = features / scale, test_features / scale
    strong_predictions = fit(features, items.labels.astype(np.float64), l2=strong_l2).predict(test_features)
    inputs = Inputs(features, items.weak_labels, test_features, items.relations, seed=int(rng.integers(2**62)))
    world = World(
        task,
        inputs,
        weak_acc=accuracy(items.test_weak_labels, items.test_labels),
        strong_acc=accuracy(strong_predictions, items.test_labels),
        _test_labels=items.test_labels,
        _unlabelled_labels=items.labels,
    )
    world.protect()
    return world


def accuracy(probabilities: FloatArray, labels: IntArray) -> float:
    """Return the share of the (n,) labels that the (n,) probabilities of label 1 predict."""
    return float(np.mean((probabilities > 0.5) == (labels == 1)))
