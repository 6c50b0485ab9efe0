"""A task for aarlab: on which side of a hyperplane is a point? The weak teacher sees a few coordinates only."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from aarlab.scenarios.task import Split, WorldSize
from aarlab.scenarios.tasks import Items, SeededTask, WeakTeacher

DIMENSIONS = 20


class Halfspace(SeededTask):
    """The halfspace task."""

    name: ClassVar[str] = "halfspace"
    about: ClassVar[str] = (
        f"An item is a point in {DIMENSIONS} dimensions; label 1 means that it is on one side of a hyperplane. The "
        "weak teacher sees a few of the coordinates. The strong student represents a point by all of them."
    )

    unlabelled: Annotated[int, Field(ge=40)] = 1000
    """Unlabelled items in the training set."""
    teacher_examples: Annotated[int, Field(ge=1)] = 200
    """Items with true labels on which the teacher is trained."""
    seen: Annotated[int, Field(ge=1, le=DIMENSIONS)] = 5
    """Coordinates that the teacher sees."""

    def draw(self, size: WorldSize, split: Split, rng: np.random.Generator) -> Items:
        """Return items with normal coordinates; in shifted worlds with Laplace coordinates."""
        shape = self.teacher_examples + (size.unlabelled or self.unlabelled) + size.test, DIMENSIONS
        points = rng.laplace(size=shape) if split == "shifted" else rng.normal(size=shape)
        labels = (points @ rng.normal(size=DIMENSIONS) > 0).astype(np.int64)
        first_test = len(points) - size.test
        teacher, train, test = np.split(np.arange(len(points)), [self.teacher_examples, first_test])
        cues = points[:, : self.seen]
        weak = WeakTeacher.fit(cues[teacher], labels[teacher], neighbours=5).probabilities(cues)
        no_relations = np.empty((0, 3), dtype=np.int64)
        return Items(
            points[train], labels[train], weak[train], points[test], labels[test], weak[test], relations=no_relations
        )
