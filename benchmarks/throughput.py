"""Measure the throughput of evaluator and graph, and whether a step costs more in a long run.

    python benchmarks/throughput.py [--json]

Takes about a minute, in one process:

- *Pilots per second*, and *worlds per second* in full experiments (eight worlds; on a quarter of them the method also
  runs with shuffled labels), through the evaluator and its warm sandbox: the plain weak-to-strong student on chat, in
  parallel on all cores. For comparison, the same with a cold process per world and without the second runs.
- *Model calls per second* of a team of nine with an instant base model: the cost of graph, tools and run file per turn.
- *Bytes per model call* by which the run file grows at 50 and at 400 calls per researcher. Nothing that is stored grows
  with the length of a conversation, so the second number must not be larger than the first.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import instant_model

from aarlab.agents.models.pricing import Price
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import Fidelity, LogEntry, ModelCall, RoundStarted
from aarlab.scenarios import baselines, task_registry
from aarlab.tools.evaluator.run_evaluator import Evaluator
from aarlab.tools.sandbox import Sandbox

FULL_WORLDS = 8
WARM = {"pilot": 60, "full": 20}
"""Timed experiments in the warm sandbox, by fidelity."""
COLD = 8
"""Timed worlds in separate processes."""
RESEARCHERS = 9
CALLS_PER_ROUND = 25
CALLS = 425
"""Model calls of each researcher, enough to measure those before the 400th."""

COLD_PROCESS = """
import sys
from aarlab.scenarios import baselines, task_registry, toolkit
from aarlab.scenarios.task import FULL, PILOT

namespace = {}
exec(baselines.load()["vanilla_soft"].code, namespace)
world = task_registry.make_task("chat").world(1, size=PILOT if sys.argv[1] == "pilot" else FULL)
world.score(namespace["method"](world.inputs))
"""


@dataclass(frozen=True, slots=True)
class ThroughputFigures:
    """Results."""

    cores: int
    pilots_per_s: float
    pilots_per_s_cold: float
    """With a new process per world."""
    worlds_per_s: float
    """In full experiments."""
    worlds_per_s_cold: float
    """With a new process per world."""
    model_calls_per_s: float
    bytes_per_call_at_50: float
    bytes_per_call_at_400: float


@dataclass(slots=True)
class CallMeter:
    """A listener that measures a run."""

    path: Path
    times: list[float] = field(default_factory=list)
    """Time at which each model call was written, in seconds."""
    sizes: dict[int, int] = field(default_factory=dict)
    """Bytes of the run file by number of model calls."""

    def __call__(self, entry: LogEntry) -> None:
        """Record an event."""
        if isinstance(entry.event, ModelCall):
            self.times.append(time.perf_counter())
        elif isinstance(entry.event, RoundStarted):
            self.sizes[len(self.times)] = _bytes(self.path)

    def bytes_per_call(self, until: int) -> float:
        """Return the growth per call over the round that ends with call `until` of each researcher."""
        after, before = until * RESEARCHERS, (until - CALLS_PER_ROUND) * RESEARCHERS
        return (self.sizes[after] - self.sizes[before]) / (after - before)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args()
    figures = measure()
    print(json.dumps(asdict(figures)) if arguments.json else table(figures))


def measure() -> ThroughputFigures:
    """Measure everything."""
    task_registry.make_task("chat").prepare()
    with _evaluator() as evaluator:
        warm = {fidelity: _warm_rate(evaluator, fidelity) for fidelity in ("pilot", "full")}
    meter = _run_team()
    return ThroughputFigures(
        cores=os.cpu_count() or 1,
        pilots_per_s=warm["pilot"],
        pilots_per_s_cold=_cold_rate("pilot"),
        worlds_per_s=FULL_WORLDS * warm["full"],
        worlds_per_s_cold=_cold_rate("full"),
        model_calls_per_s=(len(meter.times) - 1) / (meter.times[-1] - meter.times[0]),
        bytes_per_call_at_50=meter.bytes_per_call(50),
        bytes_per_call_at_400=meter.bytes_per_call(400),
    )


def table(figures: ThroughputFigures) -> str:
    """Return the results as a table."""
    pilots, worlds = figures.pilots_per_s / figures.pilots_per_s_cold, figures.worlds_per_s / figures.worlds_per_s_cold
    rows = (
        (f"pilots per second, {figures.cores} cores", figures.pilots_per_s, f"{pilots:.0f} x a cold process per world"),
        ("worlds per second in full experiments", figures.worlds_per_s, f"{worlds:.0f} x a cold process per world"),
        (f"model calls per second, {RESEARCHERS} researchers", figures.model_calls_per_s, "instant base model"),
        ("bytes stored per call at 50 calls each", figures.bytes_per_call_at_50, ""),
        ("bytes stored per call at 400 calls each", figures.bytes_per_call_at_400, "must not grow"),
    )
    return "\n".join(f"{name:<44}{value:>9,.1f}   {note}".rstrip() for name, value, note in rows)


@contextmanager
def _evaluator() -> Iterator[Evaluator]:
    with (
        Sandbox() as sandbox,
        Evaluator(task_registry.make_task("chat"), sandbox, run_seed=1, full_worlds=FULL_WORLDS) as evaluator,
    ):
        yield evaluator


def _warm_rate(evaluator: Evaluator, fidelity: Fidelity) -> float:
    """Return parallel experiments per second through the evaluator."""
    code = baselines.load()["vanilla_soft"].code

    async def experiments(first: int, count: int) -> None:
        runs = (evaluator.run_experiment(code, fidelity, name=f"r1.e{first + i}") for i in range(count))
        assert all(trial.error is None for trial in await asyncio.gather(*runs))

    asyncio.run(experiments(0, 2))
    started_at = time.perf_counter()
    asyncio.run(experiments(2, WARM[fidelity]))
    return WARM[fidelity] / (time.perf_counter() - started_at)


def _cold_rate(fidelity: Fidelity) -> float:
    """Return worlds per second with a new process per world, in parallel on all cores."""
    command = [sys.executable, "-c", COLD_PROCESS, fidelity]
    started_at = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda _: subprocess.run(command, check=True), range(COLD)))
    return COLD / (time.perf_counter() - started_at)


def _run_team() -> CallMeter:
    """Run a team with the instant base model."""
    instant_model.register(Price(0.0, 0.0, 0.0, 0.0))
    costs = {"think": 0.1, "write": 0.1}
    scenario = Scenario.model_validate(
        {
            "team": {"researchers": RESEARCHERS, "model": instant_model.NAME},
            "costs": costs,
            "budget": {"hours": CALLS * sum(costs.values()), "round_hours": CALLS_PER_ROUND * sum(costs.values())},
            "scoring": {"full_worlds": 2, "final_worlds": 2, "screening_worlds": 2, "heldout_worlds": 2},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        meter = CallMeter(Path(folder) / "run.db")
        run_scenario(scenario, meter.path, listeners=[meter])
    assert len(meter.times) == CALLS * RESEARCHERS
    return meter


def _bytes(path: Path) -> int:
    """Return the size of a database that is being written, including its write-ahead log."""
    with closing(sqlite3.connect(path)) as connection:
        pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(pages) * int(size)


if __name__ == "__main__":
    main()
