"""What a task and a world are: seeded instances of weak-to-strong supervision whose labels stay hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from aarlab.scenarios.toolkit.inputs import NOT_BOTH, OPPOSITE, SAME, BoolArray, FloatArray, Inputs, IntArray

__all__ = [
    "FULL",
    "NOT_BOTH",
    "OPPOSITE",
    "PILOT",
    "SAME",
    "SMOKE",
    "FloatArray",
    "Inputs",
    "IntArray",
    "Progress",
    "Task",
    "TaskParameters",
    "World",
    "WorldScore",
    "WorldSize",
    "pgr",
]

TaskParameters = Mapping[str, float | int | str]
"""Difficulty parameters of a task by name."""

Progress = Callable[[str, float], None]
"""Told what is being done and the share of it that is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class WorldSize:
    """How many items a world has."""

    unlabelled: int | None
    """Items to train on; None leaves the number to the task."""
    test: int
    """Items to be predicted; a task that has fewer gives all it has."""

    def __post_init__(self) -> None:
        if self.test < 20 or (self.unlabelled is not None and self.unlabelled < 40):
            raise ValueError(f"a world needs 20 test and 40 unlabelled items or more, not {self}")


FULL = WorldSize(unlabelled=None, test=1500)
"""For evaluation. Sampling the test items adds about as much noise as worlds differ by; given the time, more worlds
help more than more test items."""
PILOT = WorldSize(unlabelled=400, test=400)
"""For a first impression: cheap and noisy."""
SMOKE = WorldSize(unlabelled=120, test=60)
"""For finding out whether a method runs."""


@dataclass(frozen=True, slots=True)
class WorldScore:
    """What a method achieved on a world."""

    transfer_acc: float
    """Share of the test items that were predicted correctly."""
    pgr: float
    """Performance gap recovered: 0 = the weak teacher, 1 = the strong student trained on true labels."""


def pgr(transfer_acc: float, weak_acc: float, strong_acc: float) -> float:
    """Return the performance gap recovered, (transfer - weak) / (strong - weak); Burns et al. 2023, section 3.

    Below 0 is worse than the teacher, above 1 better than the strong accuracy. Raises ValueError where there is no gap.
    """
    gap = strong_acc - weak_acc
    if not gap > 0:
        raise ValueError(
            f"no gap to recover: the strong accuracy is {strong_acc:g} and the weak teacher has {weak_acc:g}"
        )
    return (transfer_acc - weak_acc) / gap


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """One seeded instance of a task. Only the evaluator holds worlds; methods see `inputs`."""

    task: str
    inputs: Inputs
    weak_acc: float
    """Accuracy of the weak teacher on the test items."""
    strong_acc: float
    """The strong accuracy: accuracy on the test items of the strong student trained on the unlabelled items' true labels."""
    _test_labels: IntArray = field(repr=False, kw_only=True)
    _unlabelled_labels: IntArray = field(repr=False, kw_only=True)

    def score(self, predictions: npt.ArrayLike) -> WorldScore:
        """Score (m,) probabilities of label 1 for the test items; above one half means class 1.

        Raises ValueError, saying what was expected and found, unless there is one number in [0, 1] per test item.
        """
        predicted_classes = _checked(predictions, len(self._test_labels)) > 0.5
        transfer_acc = float(np.mean(predicted_classes == (self._test_labels == 1)))
        return WorldScore(transfer_acc, pgr(transfer_acc, self.weak_acc, self.strong_acc))


class Task(Protocol):
    """A source of worlds. Difficulty parameters are fixed when it is made."""

    name: ClassVar[str]
    about: ClassVar[str]
    """For a researcher's brief: what the items, the teacher and the student are."""

    @property
    def parameters(self) -> TaskParameters:
        """Difficulty parameters and their values; in `registry.TASKS`, the defaults."""

    def prepare(self, progress: Progress | None = None) -> None:
        """Pretrain what worlds are made with, or find it in the cache. `world` does it when it has not been done."""

    def world(self, seed: int, *, size: WorldSize = FULL, shifted: bool = False) -> World:
        """Return the world of a seed: a non-negative integer of up to 128 bits.

        A shifted world comes from a shifted version of the task, in ways of which no other world gives a hint.
        """


def _checked(predictions: npt.ArrayLike, count: int) -> FloatArray:
    """Return predictions as (count,) probabilities, or raise ValueError."""
    try:
        raw = np.asarray(predictions)
    except ValueError as error:
        raise ValueError(f"predictions must be one number per test item, {count} in all: {error}") from None
    if raw.dtype.kind not in "fiub":
        raise ValueError(f"predictions must be numbers, not {raw.dtype}")
    if raw.shape != (count,):
        raise ValueError(f"predictions must have shape ({count},), one per test item; got {raw.shape}")
    values = raw.astype(np.float64)
    out_of_range: BoolArray = ~((values >= 0) & (values <= 1))
    if out_of_range.any():
        position = int(np.argmax(out_of_range))
        raise ValueError(
            f"predictions must be probabilities in [0, 1]; {out_of_range.sum()} are not: at {position}, {values[position]}"
        )
    return values
