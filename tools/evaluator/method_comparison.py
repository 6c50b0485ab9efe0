"""Methods side by side: all of them on the same fresh worlds, through the sandbox, with the time that each takes."""

import os
import statistics
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from threading import Event
from typing import Self

from threadpoolctl import threadpool_limits

from aarlab.memory.seeds import seed_of
from aarlab.scenarios.task import Progress, Task, World, WorldScore
from aarlab.tools.sandbox import Job, Sandbox

_PANEL = "comparison"
"""Names the worlds; no run draws from a panel of this name."""


class NoWorldsError(RuntimeError):
    """The task, as its parameters stand, has no world to offer; the message says why."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over worlds."""

    mean: float
    se: float
    """Its standard error."""

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the mean of two values or more."""
        return cls(statistics.fmean(values), statistics.stdev(values) / len(values) ** 0.5)


@dataclass(frozen=True, slots=True)
class MethodResult:
    """How one method did on all the worlds."""

    pgr: Mean
    transfer_acc: float
    """Accuracy on the test items, averaged over the worlds."""
    ms: float
    """Milliseconds on the clock for one world, the sandbox included: the median."""


@dataclass(frozen=True, slots=True)
class MethodComparison:
    """How several methods did on the same worlds."""

    worlds: int
    weak_acc: Mean
    strong_acc: Mean
    results: Mapping[str, MethodResult | str]
    """By method; a method that failed on any world has the first world's error instead."""


def compare(
    task: Task, methods: Mapping[str, str], sandbox: Sandbox, *, worlds: int, progress: Progress | None = None
) -> MethodComparison:
    """Run methods, code by name, on the first `worlds` full worlds of a panel that is always the same.

    Worlds are taken on side by side, one for each core. Scores do not depend on how many there are; times do.

    Args:
        task: Where the worlds come from; it should have been prepared.
        methods: What to compare.
        sandbox: Where methods run.
        worlds: How many worlds, two or more.
        progress: Told, from several threads, which share of all runs is done.

    Raises:
        NoWorlds: The task cannot make a world as its parameters stand.
        SandboxUnavailable: The sandbox died.
    """
    abandoned, done = Event(), count(1)
    label = f"{len(methods)} methods on {worlds} worlds of {task.name}"

    def run_world(number: int) -> _WorldResults:
        world = _world(task, number)
        runs: dict[str, _Run | str] = {}
        for name, code in methods.items():
            if abandoned.is_set():
                raise CancelledError
            runs[name] = _run(code, world, sandbox)
            if progress is not None:
                progress(label, next(done) / (worlds * len(methods)))
        return _WorldResults(world.weak_acc, world.strong_acc, runs)

    # One thread of linear algebra: sums in a fixed order, the same bits on any number of cores.
    with threadpool_limits(1), ThreadPoolExecutor(cores(), thread_name_prefix="comparison") as pool:
        waiting = [pool.submit(run_world, number) for number in range(worlds)]
        try:
            per_world = [one.result() for one in waiting]
        finally:
            abandoned.set()
            pool.shutdown(cancel_futures=True)
    return MethodComparison(
        worlds,
        Mean.of([one.weak_acc for one in per_world]),
        Mean.of([one.strong_acc for one in per_world]),
        {name: _method_result([one.runs[name] for one in per_world]) for name in methods},
    )


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class _Run:
    """One method on one world."""

    score: WorldScore
    seconds: float


@dataclass(frozen=True, slots=True)
class _WorldResults:
    """All methods on one world; those that failed have their error."""

    weak_acc: float
    strong_acc: float
    runs: Mapping[str, _Run | str]


def _world(task: Task, number: int) -> World:
    try:
        return task.world(seed_of(_PANEL, number))
    except ValueError as error:
        raise NoWorldsError(str(error)) from error


def _run(code: str, world: World, sandbox: Sandbox) -> _Run | str:
    job_result = sandbox.run(_job(code, world))
    if job_result.predictions is None:
        return job_result.error or "the method returned nothing"
    try:
        return _Run(world.score(job_result.predictions), job_result.seconds)
    except ValueError as error:
        return str(error)


def _job(code: str, world: World) -> Job:
    inputs = world.inputs
    arrays = {
        "features": inputs.features,
        "weak_labels": inputs.weak_labels,
        "test_features": inputs.test_features,
        "relations": inputs.relations,
    }
    return Job(code, arrays, inputs.seed)


def _method_result(runs: Sequence[_Run | str]) -> MethodResult | str:
    """Summarise the runs of one method; the first error, in the order of the worlds, speaks for all."""
    whole: list[_Run] = []
    for run in runs:
        if isinstance(run, str):
            return run
        whole.append(run)
    return MethodResult(
        Mean.of([run.score.pgr for run in whole]),
        statistics.fmean(run.score.transfer_acc for run in whole),
        1000 * statistics.median(run.seconds for run in whole),
    )
