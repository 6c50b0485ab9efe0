"""How much there is to find in each built-in task: scores of known methods, random recipes and the best recipe.

The figures are measured by `benchmarks/task_room.py` and kept in `task_room.json`. Methods cannot read them.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict

from aarlab.scenarios.task import Task

RECORD = "task_room.json"
"""Name of the file with the figures, in this package."""

Step = tuple[str, dict[str, float | int | str | bool]]
"""An operator of the toolkit and its settings."""


class NamedPgr(BaseModel):
    """A method and its mean PGR."""

    model_config = ConfigDict(frozen=True)

    name: str
    pgr: float


class TaskRoom(BaseModel):
    """Figures of one task. PGRs are means over development worlds unless the field says otherwise."""

    model_config = ConfigDict(frozen=True)

    parameters: dict[str, float | int | str]
    """Parameters of the task."""
    worlds: int
    """Number of development worlds; each other split has three times as many."""
    weak_acc: float
    strong_acc: float
    published: dict[str, float]
    """The published methods, by name."""
    library: NamedPgr
    """The best of all shipped methods."""
    single: NamedPgr
    """The best operator alone, with its default and a few random settings."""
    random_recipes: int
    random_best: float
    random_upper: float
    """90th percentile of the random recipes."""
    random_median: float
    correlation_setting: float
    """Rank correlation of random recipes before and after one step gets other settings."""
    correlation_step: float
    """The same after one step is replaced by another operator."""
    best_known: tuple[Step, ...]
    """The best known recipe, found by search on development worlds."""
    best_pgr: float
    best_heldout: float
    best_heldout_se: float
    best_shuffled: float
    """Held-out PGR of the best known recipe if the teacher's labels are shuffled."""
    best_shifted: float
    """PGR of the best known recipe on shifted worlds."""
    chance: float
    """Held-out PGR of a method that is right on half of the items."""
    without: dict[str, float]
    """Held-out PGR of the best known recipe without one of its steps, by number and name of the step."""

    @property
    def teacher_use(self) -> float:
        """The share of its PGR above chance that the best known recipe loses if the teacher's labels are shuffled."""
        return (self.best_heldout - self.best_shuffled) / (self.best_heldout - self.chance)

    def recipe_text(self) -> str:
        """Return the best known recipe in one line."""
        return ", then ".join(
            f"{operator}({', '.join(f'{name}={value!r}' for name, value in settings.items())})"
            for operator, settings in self.best_known
        )


def recorded_room(task: Task) -> TaskRoom | None:
    """Return the recorded figures of a task; None if there are none for its parameters."""
    room = _record().get(task.name)
    return room if room is not None and room.parameters == dict(task.parameters) else None


def write_record(rooms: Mapping[str, TaskRoom]) -> None:
    """Replace the figures of the tasks in `rooms`, by name, in the source checkout."""
    path = files("aarlab.scenarios") / RECORD
    text = json.dumps({name: room.model_dump() for name, room in {**_record(), **rooms}.items()}, indent=1)
    with open(str(path), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    _record.cache_clear()


@cache
def _record() -> dict[str, TaskRoom]:
    entries: dict[str, Any] = json.loads((files("aarlab.scenarios") / RECORD).read_text(encoding="utf-8"))
    return {name: TaskRoom.model_validate(entry) for name, entry in entries.items()}
