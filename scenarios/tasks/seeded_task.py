"""The base class of tasks: parameters are pydantic fields, and every world follows from a seed."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from aarlab.scenarios import baselines
from aarlab.scenarios.task import FULL, Progress, Split, TaskParameters, World, WorldSize
from aarlab.scenarios.tasks.world_builder import Items, build_world
from aarlab.scenarios.toolkit.operators import catalogue

Count = Annotated[int, Field(ge=1)]
ItemCount = Annotated[int, Field(ge=40)]
Share = Annotated[float, Field(ge=0, le=1)]
Scale = Annotated[float, Field(gt=0)]


class SeededTask(BaseModel, ABC):
    """A task that draws its worlds from a seeded generator.

    The fields of a subclass are its difficulty parameters: each has a default, a range and a docstring, which
    `aarlab tasks TASK` prints. Values are checked strictly: a string is not a number and 2.5 is not an integer.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    name: ClassVar[str]
    """Name in scenarios and reports."""
    about: ClassVar[str]
    """Description of items, teacher and student, for the prompts."""
    score_name: ClassVar[str] = "PGR"
    """Name of the score, (score - start) / (best - start), in prompts and on screens."""
    single_world: ClassVar[bool] = False
    """Whether a run has one world, for all its experiments and panels, because methods mean nothing on another one.
    Such a task has no known methods, shifted worlds and transfer, and scores have no standard error.
    """
    fine_tunes: ClassVar[bool] = False
    """Whether the student is a real model that each method fine-tunes. The lab then knows the published methods only,
    because a score of each other one is a training."""
    strong_l2: ClassVar[float] = 1e-2
    """L2 penalty of the student that is trained on true labels. Choose the best value on seeds that no run uses."""

    @property
    def parameters(self) -> TaskParameters:
        """Difficulty parameters by name."""
        return self.model_dump()

    def catalogue(self) -> list[dict[str, Any]]:
        """Return the toolkit's operators for methods of this task, as JSON-able data for the prompts."""
        return catalogue()

    def example(self) -> str:
        """Return the code of a method for this task, for the prompts."""
        return baselines.load()["vanilla_soft"].code

    def problem(self, *, shifted: bool) -> str | None:
        """Return what the task lacks for a run, with or without shifted worlds, and a fix; None: nothing."""
        return None

    def prepare(self, progress: Progress | None = None) -> None:
        """Pretrain the student, or load its weights from the cache."""
        self.pretrain(lambda share: progress(f"pretraining for {self.name}", share) if progress else None)
        if progress:
            progress(f"pretraining for {self.name}", 1.0)

    def unload(self) -> None:
        """Free the memory of the task's models, until a world needs them again."""

    def interrupted(self) -> AbstractContextManager[None]:
        """Return a context in which trainings in other threads end soon, because nobody needs their results."""
        return nullcontext()

    def world(self, seed: int, *, size: WorldSize = FULL, split: Split = "development") -> World:
        """Return the world of a seed; see `Task.world`."""

        def items(rng: np.random.Generator) -> Items:
            return self.draw(size, split, rng)

        return build_world(self.name, seed, items, split=split, strong_l2=self.strong_l2)

    def pretrain(self, progress: Callable[[float], None]) -> object:
        """Return the pretrained student, from the cache if possible; report the completed share, from 0 to 1.

        The default is for tasks with a student that needs no pretraining.
        """
        return None

    @abstractmethod
    def draw(self, size: WorldSize, split: Split, rng: np.random.Generator) -> Items:
        """Return the items of a world of a split. All randomness must come from `rng`.

        A task without variants may treat `development` and `heldout` alike: the same seed has another stream for each.
        """
