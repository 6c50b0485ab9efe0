"""Measure what an experiment costs with and without worker processes, and what starting aarlab costs.

    python benchmarks/experiment_cost.py [--series N]

Takes about a minute. Processor time of all processes, as medians over alternating series. The method is the plain
weak-to-strong student on chat; a full experiment has eight worlds, and runs again on two of them with shuffled labels.

- *threads*: worlds are drawn by threads of one process, and each method runs in a job process of the sandbox.
- *workers*: worker processes draw the worlds and execute the pipeline.
- *workers, sandbox*: workers draw the worlds, and the method, which is no plain pipeline, runs in the sandbox.
"""

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

from aarlab.memory.events import Fidelity
from aarlab.scenarios import baselines, task_registry
from aarlab.tools.evaluator.run_evaluator import Evaluator
from aarlab.tools.evaluator.world_run import available_cores
from aarlab.tools.evaluator.world_workers import WorldWorkers
from aarlab.tools.sandbox import Sandbox

EXPERIMENTS: dict[Fidelity, int] = {"pilot": 30, "full": 5}
"""Timed experiments of a series, by fidelity."""
WORLDS = 8
"""Worlds of a full experiment."""
PIPELINE = baselines.load()["vanilla_soft"].code
ARMS = {"threads": (False, PIPELINE), "workers": (True, PIPELINE), "workers, sandbox": (True, PIPELINE + "\n1\n")}
"""Whether there are workers, and the code of the method."""
COMMANDS = {
    "bare Python": ["-c", "pass"],
    "import aarlab": ["-c", "import aarlab"],
    "aarlab --help": ["-m", "aarlab", "--help"],
    "aarlab tasks": ["-m", "aarlab", "tasks"],
    "imports of aarlab run": ["-c", "import aarlab.cli.run_command"],
}


@dataclass(frozen=True, slots=True)
class CostRow:
    """One measured cost."""

    name: str
    cpu_ms: float
    """Processor time of all processes."""
    per_s: float | None
    """Experiments per second of wall-clock time on all cores of this machine; None: no experiment."""
    note: str


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--series", type=int, default=3, metavar="N", help="alternating series; default: 3")
    for row in rows(parser.parse_args().series):
        rate = "" if row.per_s is None else f"{row.per_s:8.1f}/s"
        print(f"{row.name:<32}{row.cpu_ms:>9.1f} ms CPU{rate:>12}   {row.note}".rstrip())


def rows(series: int = 3) -> list[CostRow]:
    """Return all costs, as medians over alternating series."""
    return _experiment_rows(series) + _start_rows(series)


def _experiment_rows(series: int) -> list[CostRow]:
    """Return the costs of experiments and of drawing a world."""
    task = task_registry.make_task("chat")
    task.prepare()
    measured: dict[tuple[Fidelity, str], list[tuple[float, float]]] = {
        (fidelity, arm): [] for fidelity in EXPERIMENTS for arm in ARMS
    }
    drawing: list[float] = []
    workers = WorldWorkers(available_cores())
    with closing(workers), Sandbox() as sandbox, ExitStack() as stack:
        while not workers.all_free():
            time.sleep(0.02)
        evaluators = {
            has_workers: stack.enter_context(
                Evaluator(task, sandbox, run_seed=1, full_worlds=WORLDS, workers=workers if has_workers else None)
            )
            for has_workers in (False, True)
        }
        for number in range(-1, series):  # the first series loads what is needed
            for (fidelity, arm), costs in measured.items():
                has_workers, code = ARMS[arm]
                costs.append(_experiment_cost(evaluators[has_workers], code, fidelity, number))
            drawing += [_cpu_ms(lambda seed=seed: task.world(seed)) for seed in range(5)]
    result = []
    for (fidelity, arm), costs in measured.items():
        cpu_ms, per_s = (statistics.median(column) for column in zip(*costs[1:], strict=True))
        baseline = statistics.median(cpu for cpu, _ in measured[fidelity, "threads"][1:])
        result.append(CostRow(f"{fidelity}, {arm}", cpu_ms, per_s, f"{cpu_ms / baseline:.2f} of threads"))
    draw_ms = statistics.median(drawing)
    cost = statistics.median(cpu for cpu, _ in measured["full", "workers"][1:])
    note = f"{WORLDS * draw_ms / cost:.0%} of a full experiment with workers"
    return [*result, CostRow("drawing a full world", draw_ms, None, note)]


def _experiment_cost(evaluator: Evaluator, code: str, fidelity: Fidelity, series: int) -> tuple[float, float]:
    """Return the milliseconds of processor time of an experiment, and experiments per second."""
    count = EXPERIMENTS[fidelity]
    names = [f"r1.e{(series + 1) * count + i}" for i in range(count)]

    async def run_all() -> None:
        results = await asyncio.gather(*(evaluator.run_experiment(code, fidelity, name=name) for name in names))
        assert all(result.error is None for result in results)

    started = time.perf_counter()
    cpu_ms = _cpu_ms(lambda: asyncio.run(run_all()))
    return cpu_ms / count, count / (time.perf_counter() - started)


def _start_rows(series: int) -> list[CostRow]:
    """Return the costs of starting commands, over those of bare Python."""
    costs: dict[str, list[float]] = {name: [] for name in COMMANDS}
    root = Path(__file__).parents[1]
    for _ in range(series):
        for name, arguments in COMMANDS.items():
            command = [sys.executable, *arguments]
            costs[name].append(
                _cpu_ms(lambda command=command: subprocess.run(command, check=True, capture_output=True, cwd=root))
            )
    medians = {name: statistics.median(values) for name, values in costs.items()}
    bare = medians.pop("bare Python")
    return [CostRow(name, value - bare, None, "over bare Python") for name, value in medians.items()]


def _cpu_ms(work: Callable[[], object]) -> float:
    """Return the milliseconds of processor time of this process and of all processes below it."""
    before = _cpu_s()
    work()
    return 1000 * (_cpu_s() - before)


def _cpu_s() -> float:
    """Return the seconds of processor time of this process, of those that descend from it, and of those they reaped."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() + usage.ru_utime + usage.ru_stime
    parents, times = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            fields = stat.read_text().rpartition(")")[2].split()
            process = int(stat.parent.name)
            parents[process], times[process] = int(fields[1]), sum(map(int, fields[11:15]))
    below = {os.getpid()}
    while new := {process for process, parent in parents.items() if parent in below} - below:
        below |= new
    ticks = sum(times[process] for process in below - {os.getpid()})
    return seconds + ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
