"""The digits task: is a handwritten digit five or more? The teacher sees the brightness of four quarters."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from aarlab.scenarios.task import Split, WorldSize
from aarlab.scenarios.tasks.mlp import Float32Array, Network, train
from aarlab.scenarios.tasks.seeded_task import Count, ItemCount, SeededTask
from aarlab.scenarios.tasks.weak_teacher import WeakTeacher
from aarlab.scenarios.tasks.weight_cache import cached
from aarlab.scenarios.tasks.world_builder import Items
from aarlab.scenarios.toolkit.inputs import SAME, FloatArray, IntArray
from aarlab.scenarios.toolkit.randomness import generator

FIVE_OR_MORE = frozenset({5, 6, 7, 8, 9})
PIXEL_OFFSETS = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
"""Offsets in rows and columns by which pretraining translates each image."""
PRETRAINING_RUNS = 6
"""Pretrained students. Each world uses one of them, so that the task does not depend on one random initialisation."""
MIN_WIDTH = 24
"""A narrower student may give all images the same representation."""
EPOCHS, BATCH, RATE = 24, 128, 3e-3


class Digits(SeededTask):
    """The digits task."""

    name: ClassVar[str] = "digits"
    about: ClassVar[str] = (
        "An item is a small image of a handwritten digit; label 1 means five or more. The weak teacher sees only the "
        "brightness of the image's four quarters and was trained on 80 labelled images. The strong student "
        "represents an image by 128 numbers from a network that was trained to remove noise from digits. Some images "
        "appear a second time, shifted by one pixel, so their labels are the same."
    )
    strong_l2: ClassVar[float] = 1e-3

    unlabelled: ItemCount = 1066
    """Unlabelled items in the training set; a quarter of them repeat another image, translated by one pixel."""
    teacher_examples: Count = 80
    """Images with true labels on which the teacher is trained."""
    neighbours: Count = 3
    """Nearest neighbours that the teacher averages over."""
    width: Annotated[int, Field(ge=MIN_WIDTH)] = 128
    """Width of the student's hidden layer."""
    noise: Annotated[float, Field(ge=0, le=2)] = 0.4
    """Standard deviation of the noise that the student was trained to remove, in units of full brightness."""

    @model_validator(mode="after")
    def _leaves_test_images(self) -> Self:
        used = self.teacher_examples + _n_distinct(self.unlabelled)
        if used > IMAGES - MIN_TEST_IMAGES:
            limit = f"{MIN_TEST_IMAGES} of {IMAGES} must remain for the test"
            raise ValueError(f"teacher_examples and unlabelled use {used} images; {limit}")
        return self

    def pretrain(self, progress: Callable[[float], None]) -> list[Network]:
        """Return the students' networks, trained on all images without labels."""

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

    def draw(self, size: WorldSize, split: Split, rng: np.random.Generator) -> Items:
        """Return the items of a world. In shifted ones, five other digits are class 1."""
        return self._draw_items(_shifted_class(rng) if split == "shifted" else FIVE_OR_MORE, size, rng)

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
        students = self.pretrain(lambda share: None)
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
    """Return the number of distinct images among `total` unlabelled items: three in four."""
    return total - total // 4


IMAGES = 1797
"""Number of images in scikit-learn's digits, known without loading them."""
MIN_TEST_IMAGES = 100


@functools.cache
def _images() -> tuple[FloatArray, IntArray]:
    """Return the (1797, 8, 8) images of scikit-learn's digits, full brightness = 1, and the (1797,) digits."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    assert len(bunch.images) == IMAGES, "scikit-learn's digits have another number of images"
    return bunch.images / 16.0, bunch.target.astype(np.int64)


def _quarters(images: FloatArray) -> FloatArray:
    """Return the (n, 4) mean brightnesses of the quarters of (n, 8, 8) images."""
    return np.asarray(images.reshape(-1, 2, 4, 2, 4).mean(axis=(2, 4)).reshape(-1, 4), dtype=np.float64)


def _hidden(student: Network, images: FloatArray) -> FloatArray:
    """Return the student's (n, width) features of (n, 8, 8) images."""
    return student.activations(images.reshape(len(images), -1))[1].astype(np.float64)


def _shifted_class(rng: np.random.Generator) -> frozenset[int]:
    """Return five of the ten digits, neither the standard class 1 nor its complement."""
    while True:
        five = frozenset(rng.permutation(10)[:5].tolist())
        if len(five & FIVE_OR_MORE) not in (0, 5):
            return five
