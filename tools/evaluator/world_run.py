"""Run one method on one world in the sandbox, and several worlds in parallel."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Protocol, Self, TypeVar

from threadpoolctl import threadpool_limits

from aarlab.scenarios.task import FloatArray, World
from aarlab.tools.evaluator.results import WorldResult
from aarlab.tools.evaluator.training_log import bounded_log
from aarlab.tools.sandbox import Job, JobResult

_T = TypeVar("_T")


class JobRunner(Protocol):
    """Runs jobs: a sandbox, or a `PipelineRunner`."""

    def run(self, job: Job) -> JobResult:
        """Run a job and return its result. Raises SandboxUnavailable."""


def run_on_world(code: str, world: World, runner: JobRunner, *, weak_labels: FloatArray | None = None) -> WorldResult:
    """Run a method on a world and score its predictions.

    Args:
        code: Source of the method.
        world: The world.
        runner: Runs the method.
        weak_labels: (n,) labels that replace the world's weak labels; None: the world's own.

    Raises:
        SandboxUnavailable: The sandbox has stopped. Errors of the method are in the result.
    """
    inputs = world.inputs
    arrays = {
        "features": inputs.features,
        "weak_labels": inputs.weak_labels if weak_labels is None else weak_labels,
        "test_features": inputs.test_features,
        "relations": inputs.relations,
    }
    job = runner.run(Job(code, arrays, inputs.seed))
    log = bounded_log(job.log)
    if job.predictions is None:
        return WorldResult(job.error or "the method returned nothing", log, job.seconds)
    try:
        score = world.score(job.predictions)
    except ValueError as error:
        return WorldResult(str(error), log, job.seconds)
    except Exception as error:  # what a method returns must not end the run, whatever the task makes of it
        return WorldResult(f"the predictions cannot be scored: {type(error).__name__}: {error}", log, job.seconds)
    return WorldResult(None, log, job.seconds, score.pgr, score.transfer_acc, world.weak_acc, world.strong_acc)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class WorldPool:
    """A pool of threads that evaluates several worlds at a time.

    While a pool is open, linear algebra uses one thread, in the pool's threads and in the thread that opened it: sums
    have a fixed order, so results do not depend on the number of cores.
    """

    def __init__(self, threads: int | None = None) -> None:
        """Start a pool of `threads` threads; None: one for each available core."""
        self.cancelled = Event()
        """Set once the results are no longer needed; work on a world may then stop early."""
        self._thread_limits = threadpool_limits(1)
        # OpenMP has a limit for each thread of this process: without the initializer, the pool's threads have none.
        self._executor = ThreadPoolExecutor(
            threads or available_cores(), thread_name_prefix="worlds", initializer=threadpool_limits, initargs=(1,)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancel waiting work, wait for work in progress and stop the threads."""
        self.cancelled.set()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._thread_limits.restore_original_limits()

    def map(self, work: Callable[[int], _T], seeds: Sequence[int]) -> list[_T]:
        """Return `work(seed)` for each seed, in order. Raises the first error in that order."""
        futures = [self._executor.submit(work, seed) for seed in seeds]
        return [future.result() for future in futures]

    async def map_async(self, work: Callable[[int], _T], seeds: Sequence[int]) -> list[_T]:
        """Return `work(seed)` for each seed, in order, without blocking the event loop."""
        loop = asyncio.get_running_loop()
        return list(await asyncio.gather(*(loop.run_in_executor(self._executor, work, seed) for seed in seeds)))
