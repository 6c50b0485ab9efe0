"""Tasks and worlds: seeded instances of weak-to-strong supervision with hidden labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from aarlab.scenarios.toolkit.inputs import (
    NOT_BOTH,
    OPPOSITE,
    SAME,
    BoolArray,
    FloatArray,
    Inputs,
    IntArray,
    StudentService,
)

__all__ = [
    "FULL",
    "NOT_BOTH",
    "OPPOSITE",
    "PILOT",
    "SAME",
    "SMOKE",
    "SPLITS",
    "FloatArray",
    "Inputs",
    "IntArray",
    "Progress",
    "Split",
    "Task",
    "TaskParameters",
    "World",
    "WorldScore",
    "WorldSize",
    "checked_predictions",
    "pgr",
]

TaskParameters = Mapping[str, float | int | str]
"""Difficulty parameters of a task by name."""

Split = Literal["development", "heldout", "shifted"]
"""The part of a task that a world comes from.

Runs choose methods on `development` worlds. `heldout` worlds have the same distribution but other variants of the task
(other languages, networks, topics), where the task has variants. `shifted` worlds come from another distribution.
"""
SPLITS: tuple[Split, ...] = get_args(Split)

Progress = Callable[[str, float], None]
"""Called with a description of the work and the completed share, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class WorldSize:
    """Number of items in a world."""

    unlabelled: int | None
    """Unlabelled items in the training set; None: the number in the task's parameters."""
    test: int
    """Test items; a task with fewer test items uses all of them."""

    def __post_init__(self) -> None:
        if self.test < 20 or (self.unlabelled is not None and self.unlabelled < 40):
            raise ValueError(f"a world needs at least 20 test and 40 unlabelled items, not {self}")


FULL = WorldSize(unlabelled=None, test=1500)
"""For evaluation. At this size, sampling the test items adds about as much noise as differences between worlds; beyond
it, more worlds reduce the error more than more test items."""
PILOT = WorldSize(unlabelled=400, test=400)
"""For a cheap, noisy estimate."""
SMOKE = WorldSize(unlabelled=120, test=60)
"""For a check that a method runs."""


@dataclass(frozen=True, slots=True)
class WorldScore:
    """Score of a method on a world."""

    transfer_acc: float
    """Share of the test items that were predicted correctly."""
    pgr: float
    """Performance gap recovered: 0 for the weak teacher, 1 for the strong student trained on true labels."""


def pgr(transfer_acc: float, weak_acc: float, strong_acc: float) -> float:
    """Return the performance gap recovered, (transfer - weak) / (strong - weak); Burns et al. 2023, section 3.

    It is below 0 for a method worse than the teacher and above 1 for one better than the strong student.

    Raises:
        ValueError: The strong accuracy does not exceed the weak accuracy.
    """
    gap = strong_acc - weak_acc
    if not gap > 0:
        raise ValueError(
            f"no gap to recover: the strong accuracy is {strong_acc:g} and the weak teacher has {weak_acc:g}"
        )
    return (transfer_acc - weak_acc) / gap


class MeasuredStudent(StudentService, Protocol):
    """Trains the strong student for one method, and measures the time that this takes."""

    device: str
    """What trains it, such as `cpu` or the name of a GPU."""
    seconds: float
    """Wall-clock seconds of its trainings and predictions so far, without waiting for other students."""


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """One seeded instance of a task. Only the evaluator holds worlds; methods see `inputs`."""

    task: str
    inputs: Inputs
    weak_acc: float
    """Accuracy of the weak teacher on the test items."""
    strong_acc: float
    """Accuracy on the test items of the strong student trained on the true labels of the unlabelled items."""
    student_service: Callable[[], MeasuredStudent] | None = field(default=None, repr=False, kw_only=True)
    """Starts what trains the student for one method; None: the student is a readout of the features."""
    _test_labels: IntArray = field(repr=False, kw_only=True)
    _unlabelled_labels: IntArray = field(repr=False, kw_only=True)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        arrays = (*self.inputs.arrays().values(), self._test_labels, self._unlabelled_labels)
        return sum(array.nbytes for array in arrays)

    def protect(self) -> None:
        """Make the inputs read-only, so that no method changes them for another one."""
        for array in self.inputs.arrays().values():
            array.setflags(write=False)

    def score(self, predictions: npt.ArrayLike) -> WorldScore:
        """Return the score of (m,) probabilities of label 1 for the test items; above 0.5 means class 1.

        Raises:
            ValueError: There is not one number in [0, 1] per test item.
        """
        predicted_classes = checked_predictions(predictions, len(self._test_labels)) > 0.5
        transfer_acc = float(np.mean(predicted_classes == (self._test_labels == 1)))
        return WorldScore(transfer_acc, pgr(transfer_acc, self.weak_acc, self.strong_acc))


class Task(Protocol):
    """A source of worlds with fixed difficulty parameters. New tasks derive from `tasks.SeededTask`."""

    name: ClassVar[str]
    about: ClassVar[str]
    """Description of items, teacher and student, for the prompts."""
    single_world: ClassVar[bool]
    """Whether a run has one world, for all its experiments and panels."""

    @property
    def parameters(self) -> TaskParameters:
        """Difficulty parameters by name."""

    def prepare(self, progress: Progress | None = None) -> None:
        """Pretrain the student, or load its weights from the cache. `world` calls this if necessary."""

    def unload(self) -> None:
        """Free the memory of the task's models, until a world needs them again."""

    def interrupted(self) -> AbstractContextManager[None]:
        """Return a context in which trainings in other threads end soon, because nobody needs their results."""

    def world(self, seed: int, *, size: WorldSize = FULL, split: Split = "development") -> World:
        """Return the world of a seed in a split. The seed is a non-negative integer of up to 128 bits."""


def checked_predictions(predictions: npt.ArrayLike, count: int) -> FloatArray:
    """Return predictions as (count,) probabilities. Raises ValueError unless they are `count` numbers in [0, 1]."""
    try:
        raw = np.asarray(predictions)
    except ValueError as error:
        raise ValueError(f"predictions must be one number per test item, {count} in total: {error}") from None
    if raw.dtype.kind not in "fiub":
        raise ValueError(f"predictions must be numbers, not {raw.dtype}")
    if raw.shape != (count,):
        raise ValueError(f"predictions must have shape ({count},), one per test item; got {raw.shape}")
    values = raw.astype(np.float64)
    out_of_range: BoolArray = ~((values >= 0) & (values <= 1))
    if out_of_range.any():
        position = int(np.argmax(out_of_range))
        raise ValueError(
            f"predictions must be probabilities in [0, 1]; {out_of_range.sum()} are not: at {position}, "
            f"{values[position]}"
        )
    return values
