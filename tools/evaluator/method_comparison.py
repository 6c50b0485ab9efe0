"""Compare methods on the same fresh worlds: scores and run times."""

import statistics
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from itertools import count

from aarlab.memory.seeds import seed_of
from aarlab.scenarios.task import Progress, Task, World
from aarlab.tools.evaluator.results import MeanWithSE, WorldResult
from aarlab.tools.evaluator.world_run import WorldPool, run_on_world
from aarlab.tools.sandbox import Sandbox

_PANEL = "comparison"
"""Name from which the seeds are derived. No panel of a run has this name."""


class NoWorldsError(RuntimeError):
    """The task cannot make a world with these parameters; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class MethodResult:
    """Scores of one method on all worlds."""

    pgr: MeanWithSE
    transfer_acc: float
    """Accuracy on the test items, averaged over the worlds."""
    ms: float
    """Median wall-clock milliseconds for one world, sandbox included."""


@dataclass(frozen=True, slots=True)
class MethodComparison:
    """Scores of several methods on the same worlds."""

    worlds: int
    weak_acc: MeanWithSE
    strong_acc: MeanWithSE
    results: Mapping[str, MethodResult | str]
    """By method; a method that failed on any world has the error of the first such world."""


def compare_methods(
    task: Task, methods: Mapping[str, str], sandbox: Sandbox, *, worlds: int, progress: Progress | None = None
) -> MethodComparison:
    """Run methods on the first `worlds` full worlds of a fixed panel, one world for each core at a time.

    Scores do not depend on the number of cores; times do.

    Args:
        task: Source of the worlds, prepared.
        methods: Code by name.
        sandbox: Where methods run.
        worlds: Number of worlds, at least 2.
        progress: Called from several threads with the share of runs that are done.

    Raises:
        NoWorldsError: The task cannot make a world with these parameters.
        SandboxUnavailable: The sandbox has stopped.
    """
    finished = count(1)
    activity = f"{len(methods)} methods on {worlds} worlds of {task.name}"

    def on_world(number: int) -> tuple[float, float, dict[str, WorldResult]]:
        world = _world(task, number)
        results: dict[str, WorldResult] = {}
        for name, code in methods.items():
            if pool.cancelled.is_set():
                raise CancelledError
            results[name] = run_on_world(code, world, sandbox)
            if progress is not None:
                progress(activity, next(finished) / (worlds * len(methods)))
        return world.weak_acc, world.strong_acc, results

    with WorldPool() as pool:
        by_world = pool.map(on_world, range(worlds))
    return MethodComparison(
        worlds,
        MeanWithSE.of([weak_acc for weak_acc, _, _ in by_world]),
        MeanWithSE.of([strong_acc for _, strong_acc, _ in by_world]),
        {name: _method_result([results[name] for _, _, results in by_world]) for name in methods},
    )


def _world(task: Task, number: int) -> World:
    try:
        return task.world(seed_of(_PANEL, number))
    except ValueError as error:
        raise NoWorldsError(str(error)) from error


def _method_result(results: Sequence[WorldResult]) -> MethodResult | str:
    for result in results:
        if result.error is not None:
            return result.error
    return MethodResult(
        MeanWithSE.of([result.pgr for result in results]),
        statistics.fmean(result.transfer_acc for result in results),
        1000 * statistics.median(result.seconds for result in results),
    )
