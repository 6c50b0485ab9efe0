"""The evaluator: the only holder of labels. It draws the worlds, has the method run in the sandbox, compares, and
answers mean and SE.
"""

import asyncio
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, TypeVar

from threadpoolctl import threadpool_limits

from aarlab.memory.events import Fidelity, Panel
from aarlab.scenarios.task import FULL, PILOT, SMOKE, FloatArray, Task, World, WorldSize
from aarlab.tools.evaluator.score_cache import ScoreCache, score_key
from aarlab.tools.evaluator.teacher_check import n_checked_worlds, shuffled_weak_labels
from aarlab.tools.evaluator.world_seeds import WorldSeeds
from aarlab.tools.sandbox import Job, Sandbox

_T = TypeVar("_T")

_SIZES: Mapping[Fidelity, WorldSize] = {"smoke": SMOKE, "pilot": PILOT, "full": FULL}


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a method did on a set of worlds. Accuracies are shares in [0, 1], averaged over worlds."""

    worlds: int
    pgr: float
    se: float | None
    """Standard error of the mean over worlds, None for a single world."""
    transfer_acc: float
    weak_acc: float
    strong_acc: float
    shuffled_pgr: float | None
    """What is left of `pgr` when the teacher's labels are shuffled; None where that was not tried, or the method failed
    then. See `teachercheck`.
    """


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What came of running a method: an error, or a training log and, except for smoke tests, a measurement.

    A measurement that was found in a cache comes without the log.
    """

    error: str | None
    log: list[dict[str, Any]]
    measurement: Measurement | None
    work: float = 1.0
    """Share of the planned worlds that the method was run on, in (0, 1]."""


class TaskFactory(Protocol):
    """A task that is made when its worlds are needed, so that recorded scores can be used without it."""

    @property
    def name(self) -> str:
        """Name of the task."""

    def make(self) -> Task:
        """Return the task."""


class EvaluatorProtocol(Protocol):
    """Whoever measures methods."""

    async def experiment(self, code: str, fidelity: Fidelity, *, name: str) -> EvaluationResult:
        """Run a method on development worlds; `name` is unique in the run."""

    async def panel(
        self, methods: Mapping[str, str], panel: Panel, worlds: int, *, task: TaskFactory | None = None
    ) -> dict[str, EvaluationResult]:
        """Run several methods, code by name, on the same worlds of a panel."""


class Evaluator:
    """Runs methods on worlds of one task. Callers choose neither seeds nor worlds."""

    def __init__(
        self,
        task: Task,
        sandbox: Sandbox,
        *,
        run_seed: int,
        full_worlds: int,
        secret: str = "",
        fixed_world: bool = False,
        cache: ScoreCache | None = None,
        threads: int | None = None,
    ) -> None:
        """Make the evaluator of a run.

        Args:
            task: What to evaluate on.
            sandbox: Where code runs.
            run_seed: The run's seed; with the secret it determines every world.
            full_worlds: Number of worlds of a full experiment.
            secret: See `WorldSeeds`.
            open_book: Score pilots and full experiments alike on one fixed world of the run, and tell all digits: what
                leaks then is what this mode is for.
            cache: Where scores on panels are kept that are the same for every run; None measures everything anew.
            threads: Worlds to work on at a time; None: one for each core.
        """
        self._task = task
        self._sandbox = sandbox
        self._seeds = WorldSeeds.of(run_seed, secret)
        self._fixed_world = fixed_world
        self._cache = cache
        self._worlds: Mapping[Fidelity, int] = {"smoke": 1, "pilot": 1, "full": full_worlds}
        # One thread of linear algebra everywhere: sums in a fixed order, the same bits on any number of cores.
        self._threads = threadpool_limits(1)
        self._pool = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="evaluator")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the worker threads, and close the cache; worlds waiting to be evaluated are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._cache is not None:
            self._cache.close()
        self._threads.restore_original_limits()

    async def experiment(self, code: str, fidelity: Fidelity, *, name: str) -> EvaluationResult:
        """Run a method on development worlds: fresh ones, unless the book is open.

        A method that fails on the first world is not run on the others. A full experiment is also run on some of its
        worlds with the teacher's labels shuffled: see `teachercheck`. Scores are rounded to two decimals, for they are
        told to agents. `name` must be unique in the run: it makes the worlds fresh.
        """
        fixed = self._fixed_world and fidelity != "smoke"
        size = FULL if fixed else _SIZES[fidelity]
        seeds = [self._seeds.fixed()] if fixed else self._experiment_seeds(name, self._worlds[fidelity])
        checked = seeds[: n_checked_worlds(len(seeds))] if fidelity == "full" else []

        def work(seed: int) -> _WorldResult:
            return self._evaluate_on_world(code, self._task.world(seed, size=size), shuffle=seed in checked)

        runs = await self._map_worlds(seeds[:1], work)
        if runs[0].error is None:
            runs += await self._map_worlds(seeds[1:], work)
        result = replace(_summarise(runs, digits=None if fixed else 2), work=len(runs) / len(seeds))
        return replace(result, measurement=None) if fidelity == "smoke" else result

    async def panel(
        self, methods: Mapping[str, str], panel: Panel, worlds: int, *, task: TaskFactory | None = None
    ) -> dict[str, EvaluationResult]:
        """Run several methods, code by name, on the same full worlds.

        The worlds of the `final` are the run's own; the other panels are the same for every run, so that runs can be
        compared on them, and what has been measured there once need not be measured again. `task` is another task than
        the run's, for `transfer`.
        """
        panel_task, shifted = self._task if task is None else task.make(), panel == "shifted"
        seeds = [self._seeds.panel(panel, i) for i in range(worlds)]
        cache = None if panel == "final" else self._cache
        keys = (
            {name: score_key(panel_task, seeds, shifted=shifted, code=code) for name, code in methods.items()}
            if cache
            else {}
        )
        cached_fields = {name: cache.get(key) for name, key in keys.items()} if cache else {}
        cached_results = {
            name: EvaluationResult(None, [], Measurement(**fields))
            for name, fields in cached_fields.items()
            if fields is not None
        }
        uncached = {name: code for name, code in methods.items() if name not in cached_results}

        def work(seed: int) -> list[_WorldResult]:
            world = panel_task.world(seed, shifted=shifted)
            return [self._evaluate_on_world(code, world) for code in uncached.values()]

        runs = await self._map_worlds(seeds if uncached else [], work)
        results = cached_results | {
            name: _summarise([run[i] for run in runs], digits=4) for i, name in enumerate(uncached)
        }
        for name in uncached:
            if cache and (measurement := results[name].measurement) is not None:
                cache.put(keys[name], measurement)
        return {name: results[name] for name in methods}

    def _experiment_seeds(self, name: str, worlds: int) -> list[int]:
        return [self._seeds.experiment(name, i) for i in range(worlds)]

    async def _map_worlds(self, seeds: Sequence[int], work: Callable[[int], _T]) -> list[_T]:
        """Work on the worlds of several seeds at a time; the results are in the order of the seeds."""
        loop = asyncio.get_running_loop()
        return list(await asyncio.gather(*(loop.run_in_executor(self._pool, work, seed) for seed in seeds)))

    def _evaluate_on_world(self, code: str, world: World, *, shuffle: bool = False) -> "_WorldResult":
        """Run a method on a world and, if wanted, again with the teacher's labels shuffled."""
        run = self._run_and_score(code, world, world.inputs.weak_labels)
        if shuffle and run.error is None:
            shuffled_run = self._run_and_score(code, world, shuffled_weak_labels(world.inputs))
            return replace(
                run, pgr_drop_when_shuffled=run.pgr - shuffled_run.pgr if shuffled_run.error is None else None
            )
        return run

    def _run_and_score(self, code: str, world: World, weak_labels: FloatArray) -> "_WorldResult":
        """Run a method in the sandbox, and score what it predicts."""
        inputs = world.inputs
        arrays = {
            "features": inputs.features,
            "weak_labels": weak_labels,
            "test_features": inputs.test_features,
            "relations": inputs.relations,
        }
        job_result = self._sandbox.run(Job(code, arrays, inputs.seed))
        if job_result.predictions is None:
            return _WorldResult(job_result.error or "the method returned nothing", job_result.log)
        try:
            score = world.score(job_result.predictions)
        except ValueError as error:
            return _WorldResult(str(error), job_result.log)
        return _WorldResult(None, job_result.log, score.pgr, score.transfer_acc, world.weak_acc, world.strong_acc)


@dataclass(frozen=True, slots=True)
class _WorldResult:
    """One method on one world."""

    error: str | None
    log: list[dict[str, Any]]
    pgr: float = 0.0
    transfer_acc: float = 0.0
    weak_acc: float = 0.0
    strong_acc: float = 0.0
    pgr_drop_when_shuffled: float | None = None
    """How much of `pgr` was lost when the teacher's labels were shuffled."""


def _summarise(runs: Sequence[_WorldResult], *, digits: int | None) -> EvaluationResult:
    """Summarise the runs of one method, its PGR rounded to so many digits or, with None, not at all.

    The first error, in the order of the worlds, speaks for all.
    """
    for run in runs:
        if run.error is not None:
            return EvaluationResult(run.error, run.log, None)
    scores = [run.pgr for run in runs]
    se = statistics.stdev(scores) / len(scores) ** 0.5 if len(scores) > 1 else None
    lost = [run.pgr_drop_when_shuffled for run in runs if run.pgr_drop_when_shuffled is not None]
    measurement = Measurement(
        worlds=len(runs),
        pgr=_rounded(statistics.fmean(scores), digits),
        se=None if se is None else _rounded(se, digits),
        transfer_acc=round(statistics.fmean(run.transfer_acc for run in runs), 4),
        weak_acc=round(statistics.fmean(run.weak_acc for run in runs), 4),
        strong_acc=round(statistics.fmean(run.strong_acc for run in runs), 4),
        shuffled_pgr=round(statistics.fmean(scores) - statistics.fmean(lost), 4) if lost else None,
    )
    return EvaluationResult(None, _average_logs([run.log for run in runs]), measurement)


def _rounded(value: float, digits: int | None) -> float:
    return value if digits is None else round(value, digits)


def _average_logs(logs: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Average the training logs of several worlds entry by entry; logs shaped unlike the first are left out."""
    first = logs[0]
    shape = [entry.get("operator") for entry in first]
    alike = [log for log in logs if [entry.get("operator") for entry in log] == shape]
    return [_average_log_entries([log[i] for log in alike]) for i in range(len(first))]


def _average_log_entries(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    averaged: dict[str, Any] = {}
    for key, value in entries[0].items():
        values = [entry.get(key) for entry in entries]
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(numbers) == len(values):
            averaged[key] = round(statistics.fmean(numbers), 3)
        elif isinstance(value, list):
            averaged[key] = sorted({str(item) for v in values if isinstance(v, list) for item in v})
        else:
            averaged[key] = value
    return averaged
