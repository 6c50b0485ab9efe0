"""Measure the CPU time to replay, check and show runs of several lengths.

    python benchmarks/reading_speed.py [--calls 1000 10000] [--json]

For each number of calls, a run of nine researchers with an instant base model that uses a tool in every turn:

- *replay*: milliseconds per model call, with scores from the tape;
- *check*: milliseconds per model call of all checks of `aarlab check`;
- *show*: seconds of `aarlab show` for the last round of a researcher, in a process of its own, with the interpreter's
  start, when the file was read before.

100,000 calls take a few minutes.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import instant_model

from aarlab.agents.models.pricing import Price
from aarlab.cli.check_command import check_run
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.replay import replay_run
from aarlab.graph.scenario import Scenario
from aarlab.memory.run_reader import RunReader

RESEARCHERS = 9
ROUNDS = 20


@dataclass(frozen=True, slots=True)
class ReadingCost:
    """CPU times for one run."""

    calls: int
    replay_ms: float
    """Per call."""
    check_ms: float
    """Per call."""
    show_s: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, nargs="+", default=[1000, 10_000], help="numbers of calls")
    parser.add_argument("--json", action="store_true", help="print one JSON object per run instead of a table")
    arguments = parser.parse_args()
    if not arguments.json:
        print(f"{'calls':>8}{'replay':>12}{'check':>12}{'show':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for calls in arguments.calls:
            cost = reading_cost(make_run(calls, Path(folder) / f"{calls}.db"))
            row = f"{cost.calls:8,}{cost.replay_ms:9.3f} ms{cost.check_ms:9.3f} ms{cost.show_s:8.2f} s"
            print(json.dumps(asdict(cost)) if arguments.json else row, flush=True)


def reading_cost(path: Path) -> ReadingCost:
    """Return what it costs to read a run of `make_run`."""
    instant_model.register(Price(0.0, 0.0, 0.0, 0.0))
    replay_run(path)  # loads what later replays need
    replay = replay_run(path)
    started_at = time.process_time()
    with RunReader.open(path) as file:
        faults = [fault for result in check_run(file) for fault in result.faults]
    checked_s = time.process_time() - started_at
    assert not faults, faults
    return ReadingCost(
        replay.calls,
        1000 * replay.cpu_s / replay.calls,
        1000 * checked_s / replay.calls,
        show_s(path),
    )


def make_run(calls: int, path: Path) -> Path:
    """Execute a run of about `calls` model calls, each of which writes a note, and return its file."""
    instant_model.register(Price(0.0, 0.0, 0.0, 0.0))
    # A call and a note take one hour together.
    hours = max(1, calls // RESEARCHERS)
    scenario = Scenario.model_validate(
        {
            "name": "replay",
            "team": {"model": instant_model.NAME, "researchers": RESEARCHERS},
            "budget": {"hours": hours, "round_hours": max(1.0, hours / ROUNDS)},
            "costs": {"think": 0.5, "write": 0.5},
            "scoring": {"screening_worlds": 2, "heldout_worlds": 2, "shifted_worlds": 0, "transfer_worlds": 0},
        }
    )
    run_scenario(scenario, path)
    return path


def show_s(path: Path) -> float:
    """Return the seconds of CPU time in which the last round of a researcher is printed."""
    arguments = ["-m", "aarlab", "show", str(path), "--agent", f"r{RESEARCHERS}", "--round", str(ROUNDS)]
    child_cpu_s(*arguments)
    return child_cpu_s(*arguments)


def child_cpu_s(*arguments: str) -> float:
    """Return the seconds of CPU time of the interpreter with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
