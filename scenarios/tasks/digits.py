"""The digits task: is a scanned digit in a group of five? The teacher sees the brightness of four quarters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from aarlab.scenarios.task import Split, WorldSize
from aarlab.scenarios.tasks.claims import biased_sources
from aarlab.scenarios.tasks.mlp import Float32Array, Network, train
from aarlab.scenarios.tasks.seeded_task import Count, ItemCount, SeededTask
from aarlab.scenarios.tasks.weak_teacher import WeakTeacher
from aarlab.scenarios.tasks.weight_cache import cached
from aarlab.scenarios.tasks.world_builder import Items
from aarlab.scenarios.toolkit.inputs import SAME, FloatArray, IntArray
from aarlab.scenarios.toolkit.randomness import generator

GROUPS: Mapping[Split, tuple[tuple[int, ...], ...]] = MappingProxyType(
    {
        "development": ((5, 6, 7, 8, 9), (1, 3, 5, 7, 9), (0, 3, 4, 6, 9), (1, 2, 4, 5, 6)),
        "heldout": ((0, 1, 4, 5, 8), (2, 3, 5, 7, 8), (0, 2, 3, 5, 6), (1, 4, 7, 8, 9)),
        "shifted": ((0, 1, 4, 5, 8), (2, 3, 5, 7, 8), (0, 2, 3, 5, 6), (1, 4, 7, 8, 9)),
    }
)
"""Groups of digits that are class 1 in the worlds of each split; none is another one or its complement."""
STUDENTS: Mapping[Split, tuple[int, ...]] = MappingProxyType(
    {"development": (0, 1, 2), "heldout": (3, 4, 5), "shifted": (3, 4, 5)}
)
"""Pretrained students of each split, so that the task does not depend on one random initialisation."""
PIXEL_OFFSETS = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
"""Offsets in rows and columns by which pretraining translates each image."""
SHIFTED_SHADING = 0.5
"""Standard deviation of the shading of each image in shifted worlds, in units of that of the scanners."""
MIN_WIDTH = 24
"""A narrower student may give all images the same representation."""
EPOCHS, BATCH, RATE = 14, 128, 3e-3
IMAGES = 1797
"""Number of images in scikit-learn's digits, known without loading them."""
MIN_TEST_IMAGES = 100


class Digits(SeededTask):
    """The digits task."""

    name: ClassVar[str] = "digits"
    about: ClassVar[str] = (
        "An item is a small image of a handwritten digit; label 1 means that the digit is in a group of five digits, "
        "which differs from world to world. The images come from several scanners, each with its own shading. The weak "
        "teacher sees only the brightness of the image's four quarters and was trained on 240 labelled images, in "
        "which scanners and labels were related. The strong student represents an image by 64 numbers from a network "
        "that was trained to remove noise from shaded digits. Some images appear a second time, moved by one pixel "
        "and from another scanner, so their labels are the same."
    )
    strong_l2: ClassVar[float] = 1e-3

    unlabelled: ItemCount = 1000
    """Unlabelled items in the training set; a quarter of them repeat another image, translated by one pixel."""
    teacher_examples: Count = 240
    """Images with true labels on which the teacher is trained."""
    neighbours: Count = 5
    """Nearest neighbours that the teacher averages over."""
    scanners: Count = 6
    """Scanners from which the images of a world come."""
    shading: Annotated[float, Field(ge=0, le=2)] = 0.5
    """Standard deviation of the scanners' shading, in units of full brightness."""
    scanner_bias: Annotated[float, Field(ge=0, le=4)] = 1.0
    """Largest half log odds of class 1 for the images of a scanner in the teacher's training set; elsewhere scanner and
    label are independent."""
    width: Annotated[int, Field(ge=MIN_WIDTH)] = 64
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
        count = 1 + max(number for numbers in STUDENTS.values() for number in numbers)
        networks = []
        for number in range(count):
            networks.append(self._network(number))
            progress((number + 1) / count)
        return networks

    def _network(self, number: int) -> Network:
        """Return one of the students' networks, from the cache if possible."""

        def make() -> dict[str, Float32Array]:
            rng = generator("digits", "denoiser", number)
            images, _ = _images()
            translated = np.concatenate([np.roll(images, shift, axis=(1, 2)) for shift in PIXEL_OFFSETS])
            shaded = translated + _shadings(len(translated), self.shading, rng)
            pixels = shaded.reshape(len(shaded), -1).astype(np.float32)
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
            ).arrays()

        settings = {
            "run": number,
            "width": self.width,
            "noise": self.noise,
            "shading": self.shading,
            "epochs": EPOCHS,
            "batch": BATCH,
            "rate": RATE,
        }
        return Network.of_arrays(cached("digits", settings, make))

    def draw(self, size: WorldSize, split: Split, rng: np.random.Generator) -> Items:
        """Return the items of a world. In shifted ones, each image also has a shading of its own."""
        images, digits = _images()
        labels = np.isin(digits, GROUPS[split][rng.integers(len(GROUPS[split]))]).astype(np.int64)
        total = size.unlabelled or self.unlabelled
        n_distinct = _n_distinct(total)
        taught, pool, test = np.split(
            rng.permutation(len(images)), [self.teacher_examples, self.teacher_examples + n_distinct]
        )
        test = test[: size.test]
        repeated = pool[: total - n_distinct]
        shift = rng.choice([-1, 1], len(repeated))
        translated = np.where(
            shift[:, None, None] > 0, np.roll(images[repeated], 1, axis=2), np.roll(images[repeated], -1, axis=2)
        )

        scanners = _shadings(self.scanners, self.shading, rng)
        bias = self.scanner_bias * rng.permutation(np.linspace(-1, 1, self.scanners))
        teacher_images = images[taught] + scanners[biased_sources(labels[taught], bias, rng)]
        shown = np.concatenate([images[pool], translated, images[test]])
        shown += scanners[rng.integers(0, self.scanners, len(shown))]
        if split == "shifted":
            teacher_images += _shadings(len(taught), SHIFTED_SHADING * self.shading, rng)
            shown += _shadings(len(shown), SHIFTED_SHADING * self.shading, rng)
        teacher = WeakTeacher.fit(_quarters(teacher_images), labels[taught], neighbours=self.neighbours)
        student = self._network(int(rng.choice(STUDENTS[split])))
        features, weak_labels = _hidden(student, shown), teacher.probabilities(_quarters(shown))
        row = np.arange(len(repeated))
        return Items(
            features=features[:total],
            labels=np.concatenate([labels[pool], labels[repeated]]),
            weak_labels=weak_labels[:total],
            test_features=features[total:],
            test_labels=labels[test],
            test_weak_labels=weak_labels[total:],
            relations=np.column_stack([row, n_distinct + row, np.full(len(row), SAME)]),
        )


def _n_distinct(total: int) -> int:
    """Return the number of distinct images among `total` unlabelled items: three in four."""
    return total - total // 4


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


def _shadings(count: int, scale: float, rng: np.random.Generator) -> FloatArray:
    """Return (count, 8, 8) smooth random shadings with a standard deviation of `scale`."""
    rows, columns = np.mgrid[0:8, 0:8] / 7 - 0.5
    waves = [np.cos(2 * np.pi * axis) for axis in (rows, columns)]
    basis = np.stack([rows, columns, rows * columns, *waves, np.ones((8, 8))])
    basis /= np.sqrt((basis**2).mean(axis=(1, 2), keepdims=True) * len(basis))
    return np.asarray(scale * np.tensordot(rng.normal(size=(count, len(basis))), basis, axes=1), dtype=np.float64)
