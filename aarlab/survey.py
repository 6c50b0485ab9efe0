"""What a task is like: how large its gap is, and how long an experiment on it takes here."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from aarlab.comparison import Mean, compare
from aarlab.scenarios import baselines
from aarlab.scenarios.task import Progress, Task
from aarlab.tools.sandbox import Sandbox

_VANILLA = "vanilla_soft"


@dataclass(frozen=True, slots=True)
class Survey:
    """A task as a few of its worlds show it."""

    weak_acc: Mean
    strong_acc: Mean
    experiment_ms: float
    """Milliseconds on the clock for a full experiment with vanilla training: worlds, runs, scores, on all cores."""

    @property
    def gap(self) -> float:
        """What is to be recovered: how far the ceiling is above the weak teacher, in accuracy."""
        return self.strong_acc.mean - self.weak_acc.mean


def survey(tasks: Sequence[Task], *, worlds: int, progress: Progress) -> dict[str, Survey]:
    """Return how tasks are, by name, after a full experiment of `worlds` worlds on each.

    Raises:
        SandboxUnavailable: There is no strict sandbox to do an experiment in.
    """
    vanilla = {_VANILLA: baselines.load()[_VANILLA].code}
    surveys = {}
    with Sandbox("strict") as sandbox:
        for number, task in enumerate(tasks):
            task.prepare(progress)
            progress("measuring", number / len(tasks))
            began = time.monotonic()
            seen = compare(task, vanilla, sandbox, worlds=worlds)
            surveys[task.name] = Survey(seen.weak_acc, seen.strong_acc, 1000 * (time.monotonic() - began))
    return surveys
