"""Measure the speed of replays, the size of run files, and the time to show a long run.

    python benchmarks/replay_speed.py [--calls 1000 10000] [--json]

For each number of calls, a run of nine researchers with an instant base model that uses a tool in every turn:

- *replay*: model calls per second of CPU time, with scores from the tape;
- *LangGraph*: cycles of a graph of two empty nodes per second of CPU time, in the same process. This is an upper bound
  for a replay with steps that LangGraph schedules;
- *size*: bytes of the run file per call;
- *show*: seconds until `aarlab show` has printed the last round of a researcher, in a separate process, and the seconds
  for a run of ten calls.

100,000 calls take a few minutes.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypedDict

import instant_model
from langgraph.graph import END, START, StateGraph

from aarlab.agents.models.pricing import Price
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.replay import replay_run
from aarlab.graph.scenario import Scenario

RESEARCHERS = 9
ROUNDS = 20


@dataclass(frozen=True, slots=True)
class ReplayFigures:
    """Results for one run."""

    calls: int
    replayed_per_cpu_s: float
    langgraph_per_cpu_s: float
    bytes_per_call: float
    show_s: float
    show_short_s: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, nargs="+", default=[1000, 10_000], help="numbers of calls")
    parser.add_argument("--json", action="store_true", help="print one JSON object per run instead of a table")
    arguments = parser.parse_args()
    instant_model.register(Price(0.0, 0.0, 0.0, 0.0))
    if not arguments.json:
        print(f"{'calls':>8}{'replay':>12}{'LangGraph':>12}{'size':>14}{'show':>9}{'short':>10}")
    with tempfile.TemporaryDirectory() as folder:
        short = make_run(10, Path(folder) / "short.db")
        for calls in arguments.calls:
            result = measure(calls, Path(folder) / f"{calls}.db", short)
            if arguments.json:
                print(json.dumps(asdict(result)), flush=True)
                continue
            print(
                f"{result.calls:8,}{result.replayed_per_cpu_s:10,.0f}/s{result.langgraph_per_cpu_s:10,.0f}/s"
                f"{result.bytes_per_call:8,.0f} bytes{result.show_s:7.2f} s{result.show_short_s:8.2f} s",
                flush=True,
            )


def measure(calls: int, path: Path, short: Path) -> ReplayFigures:
    """Execute a run of about `calls` model calls and return its measurements."""
    make_run(calls, path)
    replay = replay_run(path)
    return ReplayFigures(
        replay.calls,
        replay.calls / replay.cpu_s,
        langgraph_rate(min(calls, 10_000)),
        path.stat().st_size / replay.calls,
        show_s(path),
        show_s(short),
    )


def make_run(calls: int, path: Path) -> Path:
    """Execute a run of about `calls` model calls, each of which writes a note, and return its file."""
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
    """Return the seconds until the last round of a researcher is printed."""
    rounds = json.loads(_show(path, "--json"))["summary"]["rounds"]
    started_at = time.perf_counter()
    _show(path, "--agent", f"r{RESEARCHERS}", "--round", str(rounds))
    return time.perf_counter() - started_at


def _show(path: Path, *options: str) -> str:
    command = [sys.executable, "-m", "aarlab", "show", str(path), *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class _Turn(TypedDict):
    count: int


def langgraph_rate(turns: int) -> float:
    """Return the cycles of a graph of two empty nodes per second of CPU time."""

    async def first(state: _Turn) -> _Turn:
        return {"count": state["count"] + 1}

    async def second(state: _Turn) -> _Turn:
        return {"count": state["count"]}

    async def route(state: _Turn) -> str:
        return END if state["count"] >= turns else "first"

    graph: StateGraph[_Turn, None, _Turn, _Turn] = StateGraph(_Turn)
    graph.add_node("first", first)
    graph.add_node("second", second)
    graph.add_edge(START, "first")
    graph.add_edge("first", "second")
    graph.add_conditional_edges("second", route, ["first", END])
    compiled = graph.compile()
    started_at = time.process_time()
    asyncio.run(compiled.ainvoke({"count": 0}, config={"recursion_limit": 10 * turns + 100}))
    return turns / (time.process_time() - started_at)


if __name__ == "__main__":
    main()
