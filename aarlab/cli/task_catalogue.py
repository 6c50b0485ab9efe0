"""Measuring tasks: the gap to recover, and the time of an experiment on this machine."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aarlab.scenarios import baselines
from aarlab.scenarios.task import Progress, Task
from aarlab.tools.evaluator.method_comparison import compare_methods
from aarlab.tools.evaluator.results import MeanWithSE
from aarlab.tools.evaluator.run_evaluator import Evaluator
from aarlab.tools.sandbox import Sandbox, SandboxMode


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """Measurements of a task on a few worlds."""

    weak_acc: MeanWithSE
    strong_acc: MeanWithSE
    experiment_ms: float
    """Wall-clock time in milliseconds of a full experiment with vanilla training, on all cores. It includes drawing the
    worlds and the runs with shuffled labels.
    """

    @property
    def gap(self) -> float:
        """Strong accuracy minus weak accuracy."""
        return self.strong_acc.mean - self.weak_acc.mean


def measure_tasks(
    tasks: Sequence[Task], *, worlds: int, progress: Progress, sandbox: SandboxMode
) -> dict[str, CatalogueEntry]:
    """Return measurements of the tasks, by name, from a full experiment of `worlds` worlds on each.

    Raises:
        SandboxUnavailable: This machine cannot run the sandbox.
    """
    entries = {}
    with Sandbox(sandbox) as box:
        for number, task in enumerate(tasks):
            task.prepare(progress)
            progress("measuring", number / len(tasks))
            measured = compare_methods(task, {}, box, worlds=worlds)
            entries[task.name] = CatalogueEntry(
                measured.weak_acc, measured.strong_acc, _experiment_ms(task, box, worlds)
            )
    return entries


def _experiment_ms(task: Task, sandbox: Sandbox, worlds: int) -> float:
    vanilla = baselines.load()["vanilla_soft"].code
    with Evaluator(task, sandbox, run_seed=0, full_worlds=worlds) as evaluator:
        began = time.monotonic()
        asyncio.run(evaluator.run_experiment(vanilla, "full", name="survey"))
        return 1000 * (time.monotonic() - began)
