"""The evaluator: the only holder of labels. It draws the worlds, has the method run in the sandbox, compares, and
answers mean and SE.
"""

import asyncio
import os
import statistics
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

from threadpoolctl import threadpool_limits

from aarlab.memory.events import Fidelity, Panel
from aarlab.memory.seeds import seed_of
from aarlab.scenarios.task import FULL, PILOT, SMOKE, Size, Task, World
from aarlab.tools.sandbox import Job, Sandbox

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


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of running a method: an error, or a training log and, except for smoke tests, a measurement."""

    error: str | None
    log: list[dict[str, Any]]
    measurement: Measurement | None


class Evaluator:
    """Runs methods on worlds of one task. Callers choose neither seeds nor worlds."""

    def __init__(self, task: Task, sandbox: Sandbox, *, run_seed: int, full_worlds: int) -> None:
        """Evaluate on `task`, running code in `sandbox`; the worlds of a full experiment number `full_worlds`."""
        self._task = task
        self._sandbox = sandbox
        self._run_seed = run_seed
        self._worlds: Mapping[Fidelity, int] = {"smoke": 1, "pilot": 1, "full": full_worlds}
        # One thread of linear algebra everywhere: sums in a fixed order, the same bits on any number of cores.
        self._threads = threadpool_limits(1)
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="evaluator")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the worker threads; worlds waiting to be evaluated are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._threads.restore_original_limits()

    async def experiment(self, code: str, fidelity: Fidelity, *, name: str) -> Trial:
        """Run a method on fresh development worlds. `name` must be unique in the run: it makes the worlds fresh.

        Scores are rounded to two decimals, for they are told to agents.
        """
        seeds = [seed_of("development", self._run_seed, name, i) for i in range(self._worlds[fidelity])]
        runs = await self._each(seeds, lambda seed: self._run([code], seed, _SIZES[fidelity]))
        trial = _trial([run[0] for run in runs], digits=2)
        return Trial(trial.error, trial.log, None) if fidelity == "smoke" else trial

    async def panel(self, methods: Mapping[str, str], panel: Panel, worlds: int) -> dict[str, Trial]:
        """Run several methods, code by name, on the same full worlds: those of the run's `final`, or the common
        `heldout` panel.
        """
        # The held-out panel is the same for every run, so that runs can be compared on it.
        own = () if panel == "heldout" else (self._run_seed,)
        seeds = [seed_of(panel, *own, i) for i in range(worlds)]
        codes = list(methods.values())
        runs = await self._each(seeds, lambda seed: self._run(codes, seed, FULL))
        return {name: _trial([run[i] for run in runs], digits=4) for i, name in enumerate(methods)}

    async def _each(self, seeds: Sequence[int], work: Any) -> list[list["_Run"]]:
        loop = asyncio.get_running_loop()
        return list(await asyncio.gather(*(loop.run_in_executor(self._pool, work, seed) for seed in seeds)))

    def _run(self, codes: Sequence[str], seed: int, size: Size) -> list["_Run"]:
        """Build one world and run each method on it."""
        world = self._task.world(seed, size=size)
        return [self._run_one(code, world) for code in codes]

    def _run_one(self, code: str, world: World) -> "_Run":
        inputs = world.inputs
        arrays = {
            "features": inputs.features,
            "weak_labels": inputs.weak_labels,
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


def _trial(runs: Sequence[_Run], *, digits: int) -> Trial:
    """Summarise the runs of one method; the first error, in the order of the worlds, speaks for all."""
    for run in runs:
        if run.error is not None:
            return Trial(run.error, run.log, None)
    scores = [run.pgr for run in runs]
    se = statistics.stdev(scores) / len(scores) ** 0.5 if len(scores) > 1 else None
    measurement = Measurement(
        worlds=len(runs),
        pgr=round(statistics.fmean(scores), digits),
        se=None if se is None else round(se, digits),
        transfer_acc=round(statistics.fmean(run.transfer_acc for run in runs), 4),
        weak_acc=round(statistics.fmean(run.weak_acc for run in runs), 4),
        strong_acc=round(statistics.fmean(run.strong_acc for run in runs), 4),
    )
    return Trial(None, _averaged([run.log for run in runs]), measurement)


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
