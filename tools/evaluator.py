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
from aarlab.scenarios.task import FULL, PILOT, SMOKE, FloatArray, Size, Task, World
from aarlab.tools.sandbox import Job, Sandbox
from aarlab.tools.scorecache import ScoreCache, key_of
from aarlab.tools.teachercheck import checked_worlds, shuffled
from aarlab.tools.worldseeds import WorldSeeds

_T = TypeVar("_T")

_SIZES: Mapping[Fidelity, Size] = {"smoke": SMOKE, "pilot": PILOT, "full": FULL}


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
class Trial:
    """What came of running a method: an error, or a training log and, except for smoke tests, a measurement.

    A measurement that was found in a cache comes without the log.
    """

    error: str | None
    log: list[dict[str, Any]]
    measurement: Measurement | None
    work: float = 1.0
    """Share of the planned worlds that the method was run on, in (0, 1]."""


class Scorer(Protocol):
    """Whoever measures methods."""

    async def experiment(self, code: str, fidelity: Fidelity, *, name: str) -> Trial:
        """Run a method on development worlds; `name` is unique in the run."""

    async def panel(
        self, methods: Mapping[str, str], panel: Panel, worlds: int, *, task: Task | None = None
    ) -> dict[str, Trial]:
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
        open_book: bool = False,
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
        self._open_book = open_book
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

    async def experiment(self, code: str, fidelity: Fidelity, *, name: str) -> Trial:
        """Run a method on development worlds: fresh ones, unless the book is open.

        A method that fails on the first world is not run on the others. A full experiment is also run on some of its
        worlds with the teacher's labels shuffled: see `teachercheck`. Scores are rounded to two decimals, for they are
        told to agents. `name` must be unique in the run: it makes the worlds fresh.
        """
        fixed = self._open_book and fidelity != "smoke"
        size = FULL if fixed else _SIZES[fidelity]
        seeds = [self._seeds.fixed()] if fixed else self._fresh(name, self._worlds[fidelity])
        checked = seeds[: checked_worlds(len(seeds))] if fidelity == "full" else []

        def work(seed: int) -> _Run:
            return self._try(code, self._task.world(seed, size=size), shuffle=seed in checked)

        runs = await self._each(seeds[:1], work)
        if runs[0].error is None:
            runs += await self._each(seeds[1:], work)
        trial = replace(_trial(runs, digits=None if fixed else 2), work=len(runs) / len(seeds))
        return replace(trial, measurement=None) if fidelity == "smoke" else trial

    async def panel(
        self, methods: Mapping[str, str], panel: Panel, worlds: int, *, task: Task | None = None
    ) -> dict[str, Trial]:
        """Run several methods, code by name, on the same full worlds.

        The worlds of the `final` are the run's own; the other panels are the same for every run, so that runs can be
        compared on them, and what has been measured there once need not be measured again. `task` is another task than
        the run's, for `transfer`.
        """
        chosen, redrawn = task or self._task, panel == "redrawn"
        seeds = [self._seeds.panel(panel, i) for i in range(worlds)]
        cache = None if panel == "final" else self._cache
        keys = (
            {name: key_of(chosen, seeds, redrawn=redrawn, code=code) for name, code in methods.items()} if cache else {}
        )
        found = {name: cache.find(key) for name, key in keys.items()} if cache else {}
        known = {name: Trial(None, [], Measurement(**fields)) for name, fields in found.items() if fields is not None}
        new = {name: code for name, code in methods.items() if name not in known}

        def work(seed: int) -> list[_Run]:
            world = chosen.world(seed, redrawn=redrawn)
            return [self._try(code, world) for code in new.values()]

        runs = await self._each(seeds if new else [], work)
        trials = known | {name: _trial([run[i] for run in runs], digits=4) for i, name in enumerate(new)}
        for name in new:
            if cache and (measurement := trials[name].measurement) is not None:
                cache.keep(keys[name], measurement)
        return {name: trials[name] for name in methods}

    def _fresh(self, name: str, worlds: int) -> list[int]:
        return [self._seeds.experiment(name, i) for i in range(worlds)]

    async def _each(self, seeds: Sequence[int], work: Callable[[int], _T]) -> list[_T]:
        """Work on the worlds of several seeds at a time; the results are in the order of the seeds."""
        loop = asyncio.get_running_loop()
        return list(await asyncio.gather(*(loop.run_in_executor(self._pool, work, seed) for seed in seeds)))

    def _try(self, code: str, world: World, *, shuffle: bool = False) -> "_Run":
        """Run a method on a world and, if wanted, again with the teacher's labels shuffled."""
        run = self._run(code, world, world.inputs.weak_labels)
        if shuffle and run.error is None:
            again = self._run(code, world, shuffled(world.inputs))
            return replace(run, lost_pgr=run.pgr - again.pgr if again.error is None else None)
        return run

    def _run(self, code: str, world: World, weak_labels: FloatArray) -> "_Run":
        """Run a method in the sandbox, and score what it predicts."""
        inputs = world.inputs
        arrays = {
            "features": inputs.features,
            "weak_labels": weak_labels,
            "test_features": inputs.test_features,
            "relations": inputs.relations,
        }
        outcome = self._sandbox.run(Job(code, arrays, inputs.seed))
        if outcome.predictions is None:
            return _Run(outcome.error or "the method returned nothing", outcome.log)
        try:
            score = world.score(outcome.predictions)
        except ValueError as error:
            return _Run(str(error), outcome.log)
        return _Run(None, outcome.log, score.pgr, score.transfer_acc, world.weak_acc, world.strong_acc)


@dataclass(frozen=True, slots=True)
class _Run:
    """One method on one world."""

    error: str | None
    log: list[dict[str, Any]]
    pgr: float = 0.0
    transfer_acc: float = 0.0
    weak_acc: float = 0.0
    strong_acc: float = 0.0
    lost_pgr: float | None = None
    """How much of `pgr` was lost when the teacher's labels were shuffled."""


def _trial(runs: Sequence[_Run], *, digits: int | None) -> Trial:
    """Summarise the runs of one method, its PGR rounded to so many digits or, with None, not at all.

    The first error, in the order of the worlds, speaks for all.
    """
    for run in runs:
        if run.error is not None:
            return Trial(run.error, run.log, None)
    scores = [run.pgr for run in runs]
    se = statistics.stdev(scores) / len(scores) ** 0.5 if len(scores) > 1 else None
    lost = [run.lost_pgr for run in runs if run.lost_pgr is not None]
    measurement = Measurement(
        worlds=len(runs),
        pgr=_rounded(statistics.fmean(scores), digits),
        se=None if se is None else _rounded(se, digits),
        transfer_acc=round(statistics.fmean(run.transfer_acc for run in runs), 4),
        weak_acc=round(statistics.fmean(run.weak_acc for run in runs), 4),
        strong_acc=round(statistics.fmean(run.strong_acc for run in runs), 4),
        shuffled_pgr=round(statistics.fmean(scores) - statistics.fmean(lost), 4) if lost else None,
    )
    return Trial(None, _averaged([run.log for run in runs]), measurement)


def _rounded(value: float, digits: int | None) -> float:
    return value if digits is None else round(value, digits)


def _averaged(logs: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Average the training logs of several worlds entry by entry; logs shaped unlike the first are left out."""
    first = logs[0]
    shape = [entry.get("operator") for entry in first]
    alike = [log for log in logs if [entry.get("operator") for entry in log] == shape]
    return [_averaged_entry([log[i] for log in alike]) for i in range(len(first))]


def _averaged_entry(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
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
