"""The evaluator of a run: draws worlds, runs methods on them and returns mean and standard error."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Self

from aarlab.memory.events import Fidelity, Panel
from aarlab.scenarios.task import FULL, PILOT, SMOKE, Split, Task, WorldSize
from aarlab.scenarios.toolkit.pipeline import parse_pipeline
from aarlab.tools.evaluator.results import EvaluationResult, Measurement, TaskFactory, WorldResult, summarise_worlds
from aarlab.tools.evaluator.score_cache import ScoreCache, score_key
from aarlab.tools.evaluator.teacher_check import confirming_shuffles, ignores_teacher, n_checked_worlds, upper_bound
from aarlab.tools.evaluator.world_cache import WorldCache
from aarlab.tools.evaluator.world_run import JobRunner, WorldPool, run_with_shuffles
from aarlab.tools.evaluator.world_seeds import WorldSeeds
from aarlab.tools.evaluator.world_workers import Workers, WorldRequest, serves
from aarlab.tools.sandbox import Sandbox

_SIZES: Mapping[Fidelity, WorldSize] = {"smoke": SMOKE, "pilot": PILOT, "full": FULL}
_SPLITS: Mapping[Panel, Split] = {"heldout": "heldout", "transfer": "heldout", "shifted": "shifted"}
"""Splits of the panels whose worlds are not development worlds."""


class Evaluator:
    """Runs methods on worlds of one task. Callers choose neither seeds nor worlds."""

    def __init__(
        self,
        task: Task,
        sandbox: Sandbox,
        *,
        run_seed: int,
        full_worlds: int,
        pilot_worlds: int = 1,
        secret: str = "",
        fixed_world: bool = False,
        cache: ScoreCache | None = None,
        worlds: WorldCache | None = None,
        threads: int | None = None,
        workers: Workers | None = None,
    ) -> None:
        """Create the evaluator of a run.

        Args:
            task: Source of the worlds.
            sandbox: Where methods run.
            run_seed: Seed of the run; with the secret it determines every world.
            full_worlds: Number of worlds of a full experiment.
            pilot_worlds: Number of small worlds of a pilot.
            secret: See `WorldSeeds`.
            fixed_world: Whether pilots and full experiments are scored on one fixed world of the run, without rounding
                (evaluation mode `open`).
            cache: Scores on panels that are the same for every run; None: measure all.
            worlds: Worlds that the runs of a process share. Runs with the same seed and task, as in the arms of an
                ablation, have the same worlds for experiments of the same name. None: an own, empty cache for the
                common panels; the other worlds of a run are used once.
            threads: Number of worlds evaluated at a time; None: one for each available core. With one, methods that are
                plain pipelines of the toolkit run in this process, see `PipelineRunner`.
            workers: Processes that draw worlds and run plain pipelines, see `WorldWorkers`; None: neither.
        """
        self._task = task
        self._workers = workers
        self._runner = _job_runner(sandbox, threads)
        self._seeds = WorldSeeds.of(run_seed, secret)
        self._fixed_world = fixed_world
        self._cache = cache
        self._worlds, self._shares_worlds = worlds or WorldCache(), worlds is not None
        self._n_worlds: Mapping[Fidelity, int] = {"smoke": 1, "pilot": pilot_worlds, "full": full_worlds}
        self._single_world_results: dict[str, WorldResult] = {}
        """Results by code for a task with a single world: the same code and inputs give the same result."""
        self._pool = WorldPool(threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancel waiting worlds, end trainings, stop the worker threads and close the cache."""
        with ExitStack() as closed_last_first:
            if self._cache is not None:
                closed_last_first.callback(self._cache.close)
            closed_last_first.enter_context(self._task.interrupted())
            self._pool.close()

    async def run_experiment(self, code: str, fidelity: Fidelity, *, name: str) -> EvaluationResult:
        """Run a method on fresh development worlds or, in open mode, on the fixed world of the run.

        A method that fails on the first world is not run on the others. A full experiment also runs on some of its
        worlds with shuffled weak labels, and on all if it keeps its score (see `teacher_check`). PGR is rounded to two
        decimals, except in open mode. A task with a single world is always scored on the fixed world, with four
        decimals and without shuffled labels. `name` must be unique in the run: the seeds of the worlds are derived from
        it.
        """
        single = self._task.single_world
        fixed = single or (self._fixed_world and fidelity != "smoke")
        size = FULL if fixed else _SIZES[fidelity]
        n_worlds = self._n_worlds[fidelity]
        seeds = [self._seeds.fixed_world()] if fixed else [self._seeds.experiment(name, i) for i in range(n_worlds)]
        checked = seeds[: n_checked_worlds(len(seeds))] if fidelity == "full" and not single else []

        def on_world(seed: int, shuffles: Sequence[int]) -> WorldResult:
            if single and code in self._single_world_results:
                return self._single_world_results[code]
            cache = self._worlds if self._shares_worlds else None
            (result,) = self._run_methods([code], self._task, seed, size=size, cache=cache, shuffles=shuffles)
            if single:
                self._single_world_results[code] = result
            return result

        def first_check(seed: int) -> WorldResult:
            return on_world(seed, (0,) if seed in checked else ())

        results = await self._pool.map_async(first_check, seeds[:1])
        if results[0].error is None:
            results += await self._pool.map_async(first_check, seeds[1:])
        summary = summarise_worlds(results, digits=4 if single else None if fixed else 2)
        device, measurement = results[0].device, summary.measurement
        # A training of a real student takes too long to be repeated for each shuffle.
        if measurement is not None and device is None and ignores_teacher(measurement):
            shuffles = confirming_shuffles(len(seeds))
            again = await self._pool.map_async(lambda seed: on_world(seed, shuffles), seeds)
            summary = replace(summary, measurement=_with_upper_bound(measurement, again))
        seconds = None if device is None else round(sum(result.device_seconds for result in results), 3)
        summary = replace(summary, completed_share=len(results) / len(seeds), device=device, seconds=seconds)
        return replace(summary, measurement=None) if fidelity == "smoke" else summary

    async def score_on_panel(
        self, methods: Mapping[str, str], panel: Panel, worlds: int, *, task: TaskFactory | None = None
    ) -> dict[str, EvaluationResult]:
        """Run several methods on the same full worlds of a panel.

        The worlds of the panel `final` belong to the run. The other panels are the same for every run, so runs can be
        compared on them and their scores are cached. If the task has a single world, it is every panel's only world.

        Args:
            methods: Code by name.
            panel: The panel.
            worlds: Number of its worlds.
            task: Task to score on, for the panel `transfer`; None: the task of the run.

        Returns:
            Results by name, with PGR rounded to four decimals.
        """
        panel_task, split = self._task if task is None else task.make(), _SPLITS.get(panel, "development")
        single = panel_task.single_world
        seeds = [self._seeds.fixed_world()] if single else [self._seeds.panel(panel, i) for i in range(worlds)]
        cache = None if panel == "final" else self._cache
        keys: dict[str, str] = {}
        results: dict[str, EvaluationResult] = {}
        if cache is not None:
            keys = {name: score_key(panel_task, seeds, split=split, code=code) for name, code in methods.items()}
            cached = {name: cache.get(key) for name, key in keys.items()}
            results = {
                name: EvaluationResult(None, [], measurement)
                for name, measurement in cached.items()
                if measurement is not None
            }
        uncached = {name: code for name, code in methods.items() if name not in results}

        def on_world(seed: int) -> list[WorldResult]:
            cache = self._worlds if panel != "final" or self._shares_worlds else None
            return self._run_methods(list(uncached.values()), panel_task, seed, split=split, cache=cache)

        by_world = await self._pool.map_async(on_world, seeds if uncached else [])
        for i, name in enumerate(uncached):
            results[name] = summarise_worlds([world_results[i] for world_results in by_world], digits=4, by_world=True)
            if cache is not None and (measurement := results[name].measurement) is not None:
                cache.put(keys[name], measurement)
        return {name: results[name] for name in methods}

    def _run_methods(
        self,
        codes: Sequence[str],
        task: Task,
        seed: int,
        *,
        split: Split = "development",
        size: WorldSize = FULL,
        cache: WorldCache | None,
        shuffles: Sequence[int] = (),
    ) -> list[WorldResult]:
        """Return the results of methods on one world, as far as possible from a worker.

        Args:
            codes: Source of each method.
            task: Source of the world.
            seed: Seed of the world.
            split: Split of the world.
            size: Size of the world.
            cache: Where worlds are kept that are needed again; None: this one is not.
            shuffles: Numbers of the shuffles of the weak labels with which the methods also run.
        """
        cached = world = None if cache is None else cache.get(task, seed, split, size=size)
        results: list[WorldResult | None] = [None] * len(codes)
        if self._workers is not None and serves(task) and (world is None or any(map(parse_pipeline, codes))):
            request = WorldRequest(task, seed, split, size, tuple(codes), shuffles, world, cache is not None)
            answer = self._workers.ask(request)
            if answer is not None:
                results, world = answer.results, world or answer.world
        if world is None and None not in results:
            return [result for result in results if result is not None]
        world = world or task.world(seed, size=size, split=split)
        if cache is not None and cached is None:
            cache.put(world, task, seed, split, size=size)
        return [
            result or run_with_shuffles(code, world, self._runner, shuffles)
            for code, result in zip(codes, results, strict=True)
        ]


def _with_upper_bound(measurement: Measurement, results: Sequence[WorldResult]) -> Measurement:
    """Return the measurement with the upper bound of the loss over all shuffles; unchanged if nearly all failed."""
    losses = [loss for result in results for loss in result.shuffled_losses]
    if len(losses) < 2:
        return measurement
    return replace(measurement, shuffled_pgr=round(measurement.pgr - upper_bound(losses), 4))


def _job_runner(sandbox: Sandbox, threads: int | None) -> JobRunner:
    if threads != 1:
        return sandbox
    from aarlab.tools.evaluator.pipeline_runner import PipelineRunner  # imports scikit-learn

    return PipelineRunner(sandbox)
