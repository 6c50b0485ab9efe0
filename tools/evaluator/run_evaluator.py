"""The evaluator of a run: draws worlds, runs methods on them and returns mean and standard error."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Self

from aarlab.memory.events import Fidelity, Panel
from aarlab.scenarios.task import FULL, PILOT, SMOKE, Split, Task, World, WorldSize
from aarlab.tools.evaluator.results import EvaluationResult, Measurement, TaskFactory, WorldResult, summarise_worlds
from aarlab.tools.evaluator.score_cache import ScoreCache, score_key
from aarlab.tools.evaluator.teacher_check import n_checked_worlds, shuffled_weak_labels
from aarlab.tools.evaluator.world_cache import WorldCache
from aarlab.tools.evaluator.world_run import JobRunner, WorldPool, run_on_world
from aarlab.tools.evaluator.world_seeds import WorldSeeds
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
            worlds: Worlds of panels that are the same for every run; None: an own, empty cache.
            threads: Number of worlds evaluated at a time; None: one for each available core. With one, methods that are
                plain pipelines of the toolkit run in this process, see `PipelineRunner`.
        """
        self._task = task
        self._runner = _job_runner(sandbox, threads)
        self._seeds = WorldSeeds.of(run_seed, secret)
        self._fixed_world = fixed_world
        self._cache = cache
        self._worlds = WorldCache() if worlds is None else worlds
        self._n_worlds: Mapping[Fidelity, int] = {"smoke": 1, "pilot": pilot_worlds, "full": full_worlds}
        self._single_world_results: dict[str, WorldResult] = {}
        """Results by code for a task with a single world: the same code and inputs give the same result."""
        self._pool = WorldPool(threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancel waiting worlds, stop the worker threads and close the cache."""
        self._pool.close()
        if self._cache is not None:
            self._cache.close()

    async def run_experiment(self, code: str, fidelity: Fidelity, *, name: str) -> EvaluationResult:
        """Run a method on fresh development worlds or, in open mode, on the fixed world of the run.

        A method that fails on the first world is not run on the others. A full experiment also runs on some of its
        worlds with shuffled weak labels (see `teacher_check`). PGR is rounded to two decimals, except in open mode. A
        task with a single world is always scored on the fixed world, with four decimals and without shuffled labels.
        `name` must be unique in the run: the seeds of the worlds are derived from it.
        """
        single = self._task.single_world
        fixed = single or (self._fixed_world and fidelity != "smoke")
        size = FULL if fixed else _SIZES[fidelity]
        n_worlds = self._n_worlds[fidelity]
        seeds = [self._seeds.fixed_world()] if fixed else [self._seeds.experiment(name, i) for i in range(n_worlds)]
        checked = seeds[: n_checked_worlds(len(seeds))] if fidelity == "full" and not single else []

        def on_world(seed: int) -> WorldResult:
            if single and code in self._single_world_results:
                return self._single_world_results[code]
            world = self._task.world(seed, size=size)
            result = run_on_world(code, world, self._runner)
            if single:
                self._single_world_results[code] = result
            return self._with_teacher_check(code, world, result) if seed in checked else result

        results = await self._pool.map_async(on_world, seeds[:1])
        if results[0].error is None:
            results += await self._pool.map_async(on_world, seeds[1:])
        summary = summarise_worlds(results, digits=4 if single else None if fixed else 2)
        summary = replace(summary, completed_share=len(results) / len(seeds))
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
                name: EvaluationResult(None, [], Measurement(**fields))
                for name, fields in cached.items()
                if fields is not None
            }
        uncached = {name: code for name, code in methods.items() if name not in results}

        def on_world(seed: int) -> list[WorldResult]:
            if panel == "final":
                world = panel_task.world(seed, split=split)
            else:
                world = self._worlds.world(panel_task, seed, split)
            return [run_on_world(code, world, self._runner) for code in uncached.values()]

        by_world = await self._pool.map_async(on_world, seeds if uncached else [])
        for i, name in enumerate(uncached):
            results[name] = summarise_worlds([world_results[i] for world_results in by_world], digits=4, by_world=True)
            if cache is not None and (measurement := results[name].measurement) is not None:
                cache.put(keys[name], measurement)
        return {name: results[name] for name in methods}

    def _with_teacher_check(self, code: str, world: World, result: WorldResult) -> WorldResult:
        """Return the result with the loss of PGR when the weak labels are shuffled, if the method ran."""
        if result.error is not None:
            return result
        shuffled = run_on_world(code, world, self._runner, weak_labels=shuffled_weak_labels(world.inputs))
        return result if shuffled.error is not None else replace(result, shuffled_pgr_drop=result.pgr - shuffled.pgr)


def _job_runner(sandbox: Sandbox, threads: int | None) -> JobRunner:
    if threads != 1:
        return sandbox
    from aarlab.tools.evaluator.pipeline_runner import PipelineRunner  # imports scikit-learn

    return PipelineRunner(sandbox)
