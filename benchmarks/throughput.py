"""How fast is the laboratory itself, and does a long run cost more per step than a short one?

    python benchmarks/throughput.py [--json]

Measured, in about a minute and in one process:

- *Pilots per second*, and *worlds per second* in full experiments (eight worlds, on a quarter of which the method runs
  a second time with shuffled labels), through the evaluator and its warm sandbox: the plain weak-to-strong student on
  chat, as many at once as there are cores. Beside it the same with a cold process for each world and without the
  second runs, which is what the warm sandbox saves.
- *Model calls per second* of a team of nine whose base model answers at once: what the graph, the tools and the run
  file cost for each turn.
- *Bytes per model call* that the run file grows by, when each researcher has made 50 calls and when it has made 400.
  Nothing that is stored may grow with the length of a conversation, so the second must not be larger than the first.
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

from aarlab.agents.models import registry
from aarlab.agents.models.base import Reply, Request
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import Fidelity, LogEntry, ModelCall, RoundStarted
from aarlab.memory.messages import Message, Text, ToolCall, Usage
from aarlab.scenarios import baselines, task_registry
from aarlab.tools.evaluator.run_evaluator import Evaluator
from aarlab.tools.sandbox import Sandbox

FULL_WORLDS = 8
WARM = {"pilot": 60, "full": 20}
"""Experiments that are timed in the warm sandbox, by fidelity."""
COLD = 8
"""Worlds that are timed in processes of their own."""
RESEARCHERS = 9
CALLS_A_ROUND = 25
CALLS = 425
"""Model calls of each researcher: enough to see what the ones before the 400th cost."""

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
    """What was measured."""

    cores: int
    pilots_per_s: float
    pilots_per_s_cold: float
    """With a new process for each."""
    worlds_per_s: float
    """In full experiments."""
    worlds_per_s_cold: float
    """With a new process for each."""
    model_calls_per_s: float
    bytes_per_call_at_50: float
    bytes_per_call_at_400: float


class InstantModel:
    """A base model that takes no time: it always writes a line into its notebook."""

    def __init__(self, agent: str) -> None:
        """Open it for one agent."""
        self._agent, self._turn = agent, 0

    async def reply(self, request: Request) -> Reply:
        """Answer at once, each time in other words."""
        self._turn += 1
        note = f"{self._agent}, note {self._turn}: " + "what was seen, what it may mean, what to try next. " * 4
        tool_call = ToolCall(f"t{self._turn}", "write_notebook", {"text": note})
        return Reply(Message("assistant", (Text("I write it down."), tool_call)), "tool_use", Usage(), "instant", 0.0)


@dataclass(slots=True)
class Meter:
    """Listens to a run and takes its measure as it goes."""

    path: Path
    times: list[float] = field(default_factory=list)
    """When each model call was written, in seconds."""
    sizes: dict[int, int] = field(default_factory=dict)
    """Bytes of the run file, by model calls made until then."""

    def __call__(self, entry: LogEntry) -> None:
        """Note what has happened."""
        if isinstance(entry.event, ModelCall):
            self.times.append(time.perf_counter())
        elif isinstance(entry.event, RoundStarted):
            self.sizes[len(self.times)] = _bytes(self.path)

    def bytes_per_call(self, until: int) -> float:
        """Return the file's growth per call over the round that ends with the `until`th call of each researcher."""
        after, before = until * RESEARCHERS, (until - CALLS_A_ROUND) * RESEARCHERS
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
    """Return the figures as a small table."""
    pilots, worlds = figures.pilots_per_s / figures.pilots_per_s_cold, figures.worlds_per_s / figures.worlds_per_s_cold
    rows = (
        (f"pilots per second, {figures.cores} cores", figures.pilots_per_s, f"{pilots:.0f} x a cold process each"),
        ("worlds per second in full experiments", figures.worlds_per_s, f"{worlds:.0f} x a cold process each"),
        (f"model calls per second, {RESEARCHERS} researchers", figures.model_calls_per_s, "instant model"),
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
    """Return experiments per second through the evaluator, several researchers' at once."""
    code = baselines.load()["vanilla_soft"].code

    async def experiments(first: int, count: int) -> None:
        runs = (evaluator.run_experiment(code, fidelity, name=f"r1.e{first + i}") for i in range(count))
        assert all(trial.error is None for trial in await asyncio.gather(*runs))

    asyncio.run(experiments(0, 2))
    started_at = time.perf_counter()
    asyncio.run(experiments(2, WARM[fidelity]))
    return WARM[fidelity] / (time.perf_counter() - started_at)


def _cold_rate(fidelity: Fidelity) -> float:
    """Return worlds per second where each begins with a new process, as many at once as there are cores."""
    command = [sys.executable, "-c", COLD_PROCESS, fidelity]
    started_at = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda _: subprocess.run(command, check=True), range(COLD)))
    return COLD / (time.perf_counter() - started_at)


def _run_team() -> Meter:
    """Let a team on the instant model work through its hours."""
    instant = registry.ModelInfo(
        "benchmark/instant", "takes no time", "nothing", lambda seed, agent, temperament: InstantModel(agent)
    )
    registry.MODELS = {**registry.MODELS, instant.name: instant}
    costs = {"think": 0.1, "write": 0.1}
    scenario = Scenario.model_validate(
        {
            "team": {"researchers": RESEARCHERS, "model": instant.name},
            "costs": costs,
            "budget": {"hours": CALLS * sum(costs.values()), "round_hours": CALLS_A_ROUND * sum(costs.values())},
            "scoring": {"full_worlds": 2, "final_worlds": 2, "screening_worlds": 2, "heldout_worlds": 2},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        meter = Meter(Path(folder) / "run.db")
        run_scenario(scenario, meter.path, listeners=[meter])
    assert len(meter.times) == CALLS * RESEARCHERS
    return meter


def _bytes(path: Path) -> int:
    """Return the size of a database that is being written, what is in its write-ahead log included."""
    with closing(sqlite3.connect(path)) as connection:
        pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(pages) * int(size)


if __name__ == "__main__":
    main()
