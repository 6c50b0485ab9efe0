"""Run one method on one world in the sandbox, and several worlds in parallel."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import Protocol, Self, TypeVar

from threadpoolctl import threadpool_limits

from aarlab.scenarios.task import FloatArray, MeasuredStudent, World
from aarlab.tools.evaluator.results import WorldResult
from aarlab.tools.evaluator.teacher_check import shuffled_weak_labels
from aarlab.tools.evaluator.training_log import bounded_log
from aarlab.tools.sandbox import Job, JobResult, Limits

_T = TypeVar("_T")

_LIMITS = Limits()
_FINE_TUNING_LIMITS = Limits(wall_s=8 * 3600, cpu_s=60)
"""The wall-clock time includes trainings of the student and waiting for those of other worlds. The student's service
limits the passes over the items, so what a method computes itself remains limited by its processor time."""


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
    arrays = world.inputs.arrays()
    if weak_labels is not None:
        arrays["weak_labels"] = weak_labels
    students: list[MeasuredStudent] = []
    limits = _LIMITS if world.student_service is None else _FINE_TUNING_LIMITS
    job = runner.run(Job(code, arrays, world.inputs.seed, limits, _collecting(world.student_service, students)))
    result = _result_of(job, world)
    if not students:
        return result
    # There are several students if the job was started again.
    seconds = sum(student.seconds for student in students)
    return replace(result, device=students[0].device, device_seconds=seconds)


def run_with_shuffles(code: str, world: World, runner: JobRunner, shuffles: Sequence[int]) -> WorldResult:
    """Run a method as `run_on_world` does, and if it ran, again with each of the shuffles (see `teacher_check`)."""
    result = run_on_world(code, world, runner)
    if result.error is not None:
        return result
    labels = (shuffled_weak_labels(world.inputs, number) for number in shuffles)
    shuffled = [run_on_world(code, world, runner, weak_labels=weak_labels) for weak_labels in labels]
    return replace(result, shuffled_losses=tuple(result.pgr - run.pgr for run in shuffled if run.error is None))


def _collecting(
    service: Callable[[], MeasuredStudent] | None, students: list[MeasuredStudent]
) -> Callable[[], MeasuredStudent] | None:
    """Return the service, which then appends each student that it starts."""
    if service is None:
        return None

    def start() -> MeasuredStudent:
        students.append(service())
        return students[-1]

    return start


def _result_of(job: JobResult, world: World) -> WorldResult:
    """Return the result of a job without the time of the student."""
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
