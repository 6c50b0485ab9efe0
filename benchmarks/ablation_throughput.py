"""Measure the processor time of one run of an ablation inside a warm worker, and where it goes.

    python benchmarks/ablation_throughput.py [--runs 3] [--task TASK ...] [--json]

A run is the scenario `small` with a seed of its own. The first run in the process is not counted: it starts the sandbox
and draws the worlds of the common panels, which later runs share. Takes a minute per task on a quiet machine.

Times are processor seconds per run, of the worker and of its sandbox. So that machines can be compared, they are also
given in units of one fit of the student (1,050 items, 48 features), measured in the same process.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aarlab.ablation.run_task import RunProgress, RunTask, execute_task
from aarlab.config.scenario_files import load_scenario
from aarlab.scenarios.task_registry import BUILT_IN
from aarlab.scenarios.tasks.seeded_task import SeededTask
from aarlab.scenarios.toolkit import fit
from aarlab.tools.evaluator import pipeline_runner
from aarlab.tools.evaluator.world_cache import WorldCache
from aarlab.tools.sandbox import Job, JobResult, Sandbox

FIRST_SEED = 70_000
"""Seed of the first run; not used by ablations, so that cached scores on the common panels are those of baselines."""


@dataclass(frozen=True, slots=True)
class RunCost:
    """Means over the measured runs of a task. Times are processor seconds."""

    task: str
    total: float
    """Worker and sandbox."""
    pipelines: float
    """Methods that are plain pipelines, in the worker."""
    methods: float
    """Other methods in their job processes, with the start and end of the processes."""
    fork_server: float
    """Forks in the sandbox."""
    worlds: float
    """Drawing of worlds."""
    other: float
    """Simulated turns, graph, run file, summary, transfer of arrays."""
    evaluations: float
    """Number of evaluations of a method on a world."""
    worlds_drawn: float
    """Number of drawn worlds."""
    fits: float
    """`total` in units of one fit of the student."""


class _Meter:
    """Adds up the processor time of methods and worlds of all threads."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.counts: dict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def add(self, kind: str, seconds: float) -> None:
        with self._lock:
            self.seconds[kind] += seconds
            self.counts[kind] += 1

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Measure all jobs and worlds while the context is open."""
        run, world, pipeline = Sandbox.run, SeededTask.world, pipeline_runner.run_pipeline

        def measured_run(sandbox: Sandbox, job: Job) -> JobResult:
            result = run(sandbox, job)
            self.add("methods", result.cpu_seconds)
            return result

        def measured(kind: str, function: Any) -> Any:
            def call(*args: Any, **options: Any) -> Any:
                before = time.thread_time()
                try:
                    return function(*args, **options)
                finally:
                    self.add(kind, time.thread_time() - before)

            return call

        Sandbox.run, SeededTask.world = measured_run, measured("worlds", world)  # type: ignore[method-assign]
        pipeline_runner.run_pipeline = measured("pipelines", pipeline)
        try:
            yield
        finally:
            Sandbox.run, SeededTask.world, pipeline_runner.run_pipeline = run, world, pipeline  # type: ignore[method-assign]


def measure(task: str, runs: int, worlds: WorldCache, folder: Path) -> RunCost:
    """Return the mean cost of `runs` runs on a task after one that is not counted."""
    _execute(task, FIRST_SEED, worlds, folder)
    meter = _Meter()
    worker, sandbox = time.process_time(), _child_seconds()
    with meter.attached():
        for i in range(runs):
            _execute(task, FIRST_SEED + 1 + i, worlds, folder)
    worker, sandbox = time.process_time() - worker, _child_seconds() - sandbox
    seconds, counts = meter.seconds, meter.counts
    return RunCost(
        task=task,
        total=(worker + sandbox) / runs,
        pipelines=seconds["pipelines"] / runs,
        methods=seconds["methods"] / runs,
        fork_server=max(0.0, sandbox - seconds["methods"]) / runs,
        worlds=seconds["worlds"] / runs,
        other=(worker - seconds["worlds"] - seconds["pipelines"]) / runs,
        evaluations=(counts["methods"] + counts["pipelines"]) / runs,
        worlds_drawn=counts["worlds"] / runs,
        fits=(worker + sandbox) / runs / _fit_seconds(),
    )


def _execute(task: str, seed: int, worlds: WorldCache, folder: Path) -> None:
    scenario = load_scenario("small", [f"task={task}", f"seed={seed}"]).model_dump(mode="json")
    name = f"{task}-{seed}"
    messages: list[RunProgress] = []
    paths = str(folder / f"{name}.draft.db"), str(folder / f"{name}.db")
    execute_task(RunTask(name, scenario, *paths, "strict"), messages.append, worlds)
    if messages[-1].kind != "done":
        raise SystemExit(f"{name}: {messages[-1].error}")


def _child_seconds() -> float:
    """Return the processor seconds of the running descendants of this process and of the children they waited for."""
    total, pending = 0.0, _children(os.getpid())
    while pending:
        process = pending.pop()
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
            pending += _children(process)
    return total


def _children(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for path in children for child in path.read_text().split()]


def _fit_seconds() -> float:
    """Return the processor seconds of one fit of the student, the median of 30."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(1050, 48))
    targets = 1 / (1 + np.exp(-features[:, 0]))
    times = []
    for _ in range(30):
        before = time.process_time()
        fit(features, targets, l2=1e-2)
        times.append(time.process_time() - before)
    return float(np.median(times))


def main() -> None:
    """Print the costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="measured runs per task")
    parser.add_argument("--task", action="append", choices=list(BUILT_IN), help="task; default: all built-in tasks")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    worlds = WorldCache()
    with tempfile.TemporaryDirectory() as folder:
        costs = [measure(task, arguments.runs, worlds, Path(folder)) for task in arguments.task or BUILT_IN]
    if arguments.json:
        print(json.dumps({cost.task: asdict(cost) for cost in costs}))
        return
    print(
        "processor seconds per run     total  pipelines  methods  fork  worlds  other  evaluations  worlds drawn  fits"
    )
    for cost in costs:
        print(
            f"{cost.task:<28}{cost.total:7.2f}{cost.pipelines:11.2f}{cost.methods:9.2f}{cost.fork_server:6.2f}"
            f"{cost.worlds:8.2f}{cost.other:7.2f}{cost.evaluations:13.0f}{cost.worlds_drawn:14.0f}{cost.fits:6.0f}"
        )


if __name__ == "__main__":
    main()
