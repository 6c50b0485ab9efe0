"""What all embedded tasks share: knobs as fields, worlds by seed, pretraining that reports its progress."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np

from aarlab.scenarios.task import FULL, Knobs, Progress, Size, World
from aarlab.scenarios.tasks.assembly import Items, build


@dataclass(frozen=True)
class SeededTask(ABC):
    """A task whose worlds are drawn from a random generator; the fields of a subclass are its difficulty knobs."""

    name: ClassVar[str]
    about: ClassVar[str]
    ceiling_l2: ClassVar[float]
    """Penalty of the student that is trained on true labels: the best for the task, found once on other seeds."""

    @property
    def knobs(self) -> Knobs:
        """Difficulty knobs and their values."""
        return asdict(self)

    def prepare(self, progress: Progress | None = None) -> None:
        """Pretrain the student, or find it in the cache."""
        self._pretrain(lambda share: progress(f"pretraining for {self.name}", share) if progress else None)
        if progress:
            progress(f"pretraining for {self.name}", 1.0)

    def world(self, seed: int, *, size: Size = FULL, redrawn: bool = False) -> World:
        """Return the world of a seed; see `Task.world`."""
        draw = self._draw_shifted if redrawn else self._draw

        def items(rng: np.random.Generator) -> Items:
            return draw(size, rng)

        variant = "redrawn" if redrawn else "standard"
        return build(self.name, seed, items, variant=variant, ceiling_l2=self.ceiling_l2)

    @abstractmethod
    def _pretrain(self, progress: Callable[[float], None]) -> object:
        """Pretrain the student unless that has been done, telling the share that is done."""

    @abstractmethod
    def _draw(self, size: Size, rng: np.random.Generator) -> Items:
        """Draw the items of a world."""

    @abstractmethod
    def _draw_shifted(self, size: Size, rng: np.random.Generator) -> Items:
        """Draw the items of a redrawn world."""

    def _require(self, condition: bool, rule: str) -> None:
        """Raise ValueError, naming the rule, unless the condition holds."""
        if not condition:
            raise ValueError(f"{self.name}: {rule}, not as in {self}")
