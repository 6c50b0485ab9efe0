"""Digits: is a handwritten digit five or more? The teacher sees it blurred, the student through a denoiser."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from aarlab.scenarios.task import WorldSize
from aarlab.scenarios.tasks.mlp import Float32Array, Network, train
from aarlab.scenarios.tasks.seeded_task import SeededTask
from aarlab.scenarios.tasks.weak_teacher import WeakTeacher
from aarlab.scenarios.tasks.weight_cache import cached
from aarlab.scenarios.tasks.world_builder import Items
from aarlab.scenarios.toolkit.inputs import SAME, FloatArray, IntArray
from aarlab.scenarios.toolkit.randomness import generator

FIVE_OR_MORE = frozenset({5, 6, 7, 8, 9})
PIXEL_OFFSETS = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
"""Rows and columns by which the denoiser sees each image shifted."""
PRETRAINING_RUNS = 6
"""Runs of pretraining; each world has the student of one, so that no single run's luck decides the task."""
MIN_WIDTH = 24
"""A narrower student may represent all images alike."""
EPOCHS, BATCH, RATE = 24, 128, 3e-3


@dataclass(frozen=True)
class Digits(SeededTask):
    """The digits task; its fields are its difficulty parameters."""

    name: ClassVar[str] = "digits"
    about: ClassVar[str] = (
        "An item is a small image of a handwritten digit; label 1 means five or more. The weak teacher sees nothing "
        "but the brightness of the image's four quarters and learned from 80 labelled ones. The strong student "
        "represents an image by 128 numbers from a network that was trained to remove noise from digits. Some images "
        "are shown a second time, shifted by one pixel, so their labels are the same."
    )
    strong_l2: ClassVar[float] = 1e-3

    unlabelled: int = 1066
    """Items to train on; a quarter of them are images shown again with a shift."""
    teacher_examples: int = 80
    """Images with true labels that the teacher learned from."""
    neighbours: int = 3
    """Neighbours that the teacher asks."""
    width: int = 128
    """Width of the student's hidden layer."""
    noise: float = 0.4
    """Noise that the student learned to remove, in units of full brightness."""

    def __post_init__(self) -> None:
        counts = (self.teacher_examples, self.neighbours)
        self._require(min(counts) >= 1 and self.unlabelled >= 40, "counts are 1 or more, unlabelled 40 or more")
        self._require(self.width >= MIN_WIDTH, f"width is {MIN_WIDTH} or more")
        self._require(0 <= self.noise <= 2, "noise goes from 0 to 2")
        self._require(
            self.teacher_examples + _n_distinct(self.unlabelled) <= IMAGES - 100,
            f"of {IMAGES} images 100 are for testing",
        )

    def _pretrain(self, progress: Callable[[float], None]) -> list[Network]:
        """Return the students' networks. They were trained on all images, without a label."""

        def make(run: int) -> dict[str, Float32Array]:
            rng = generator("digits", "denoiser", run)
            images, _ = _images()
            translated = np.concatenate([np.roll(images, shift, axis=(1, 2)) for shift in PIXEL_OFFSETS])
            pixels = translated.reshape(len(translated), -1).astype(np.float32)
            return train(
                Network.random((pixels.shape[1], self.width, pixels.shape[1]), rng),
                pixels,
                pixels,
                rng,
                loss="squared",
                epochs=EPOCHS,
                batch=BATCH,
                learning_rate=RATE,
                input_noise=self.noise,
                progress=lambda share: progress((run + share) / PRETRAINING_RUNS),
            ).arrays()

        settings = {"width": self.width, "noise": self.noise, "epochs": EPOCHS, "batch": BATCH, "rate": RATE}
        return [
            Network.of_arrays(cached("digits", settings | {"run": run}, functools.partial(make, run)))
            for run in range(PRETRAINING_RUNS)
        ]

    def _draw(self, size: WorldSize, rng: np.random.Generator) -> Items:
        return self._draw_items(FIVE_OR_MORE, size, rng)

    def _draw_shifted(self, size: WorldSize, rng: np.random.Generator) -> Items:
        """In a shifted world class 1 is another five of the ten digits."""
        return self._draw_items(_shifted_class(rng), size, rng)

    def _draw_items(self, class_one: frozenset[int], size: WorldSize, rng: np.random.Generator) -> Items:
        images, digits = _images()
        labels = np.isin(digits, sorted(class_one)).astype(np.int64)
        total = size.unlabelled or self.unlabelled
        n_distinct = _n_distinct(total)
        teacher_rows, pool, test = np.split(
            rng.permutation(len(images)), [self.teacher_examples, self.teacher_examples + n_distinct]
        )
        test = test[: size.test]
        repeated = pool[: total - n_distinct]
        shift = rng.choice([-1, 1], len(repeated))
        translated = np.where(
            shift[:, None, None] > 0, np.roll(images[repeated], 1, axis=2), np.roll(images[repeated], -1, axis=2)
        )

        shown = np.concatenate([images[pool], translated])
        teacher = WeakTeacher.fit(_quarters(images[teacher_rows]), labels[teacher_rows], neighbours=self.neighbours)
        students = self._pretrain(lambda share: None)
        student = students[rng.integers(len(students))]
        row = np.arange(len(repeated))
        return Items(
            features=_hidden(student, shown),
            labels=np.concatenate([labels[pool], labels[repeated]]),
            weak_labels=teacher.probabilities(_quarters(shown)),
            test_features=_hidden(student, images[test]),
            test_labels=labels[test],
            test_weak_labels=teacher.probabilities(_quarters(images[test])),
            relations=np.column_stack([row, n_distinct + row, np.full(len(row), SAME)]),
        )


def _n_distinct(total: int) -> int:
    """Return how many of the unlabelled items are not images shown again: three in four."""
    return total - total // 4


IMAGES = 1797
"""How many images scikit-learn's digits are, to be known without loading them."""


@functools.cache
def _images() -> tuple[FloatArray, IntArray]:
    """Return the (1797, 8, 8) images of scikit-learn's digits, full brightness = 1, and the (1797,) digits."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    assert len(bunch.images) == IMAGES, "scikit-learn's digits are not what they were"
    return bunch.images / 16.0, bunch.target.astype(np.int64)


def _quarters(images: FloatArray) -> FloatArray:
    """Return the (n, 4) mean brightnesses of the quarters of (n, 8, 8) images."""
    return np.asarray(images.reshape(-1, 2, 4, 2, 4).mean(axis=(2, 4)).reshape(-1, 4), dtype=np.float64)


def _hidden(student: Network, images: FloatArray) -> FloatArray:
    """Return the student's (n, width) features of (n, 8, 8) images."""
    return student.activations(images.reshape(len(images), -1))[1].astype(np.float64)


def _shifted_class(rng: np.random.Generator) -> frozenset[int]:
    """Return five of the ten digits, neither the usual five nor the other five."""
    while True:
        five = frozenset(rng.permutation(10)[:5].tolist())
        if len(five & FIVE_OR_MORE) not in (0, 5):
            return five
