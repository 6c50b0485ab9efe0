"""What all embedded tasks share: parameters as fields, worlds by seed, pretraining that reports its progress."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np

from aarlab.scenarios.task import FULL, Progress, TaskParameters, World, WorldSize
from aarlab.scenarios.tasks.world_builder import Items, build_world


@dataclass(frozen=True)
class SeededTask(ABC):
    """A task whose worlds are drawn from a random generator; the fields of a subclass are its difficulty parameters."""

    name: ClassVar[str]
    about: ClassVar[str]
    strong_l2: ClassVar[float]
    """Penalty of the student that is trained on true labels: the best for the task, found once on other seeds."""

    @property
    def parameters(self) -> TaskParameters:
        """Difficulty parameters and their values."""
        return asdict(self)

    def prepare(self, progress: Progress | None = None) -> None:
        """Pretrain the student, or find it in the cache."""
        self._pretrain(lambda share: progress(f"pretraining for {self.name}", share) if progress else None)
        if progress:
            progress(f"pretraining for {self.name}", 1.0)

    def world(self, seed: int, *, size: WorldSize = FULL, shifted: bool = False) -> World:
        """Return the world of a seed; see `Task.world`."""
        draw = self._draw_shifted if shifted else self._draw

        def items(rng: np.random.Generator) -> Items:
            return draw(size, rng)

        variant = "shifted" if shifted else "standard"
        return build_world(self.name, seed, items, variant=variant, strong_l2=self.strong_l2)

    @abstractmethod
    def _pretrain(self, progress: Callable[[float], None]) -> object:
        """Pretrain the student unless that has been done, telling the share that is done."""

    @abstractmethod
    def _draw(self, size: WorldSize, rng: np.random.Generator) -> Items:
        """Draw the items of a world."""

    @abstractmethod
    def _draw_shifted(self, size: WorldSize, rng: np.random.Generator) -> Items:
        """Draw the items of a shifted world."""

    def _require(self, condition: bool, rule: str) -> None:
        """Raise ValueError, naming the rule, unless the condition holds."""
        if not condition:
            raise ValueError(f"{self.name}: {rule}, not as in {self}")
