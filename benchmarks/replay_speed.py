"""How fast does a run happen again from its tape, how large is its file, and how soon is a long one shown?

    python benchmarks/replay_speed.py [--calls 1000 10000] [--json]

For each number of calls, a run of nine researchers whose base model answers at once and uses a tool each time; then

- *replay*: calls of base models for each second of CPU time, scores taken from the tape;
- *LangGraph*: how often a graph of two empty nodes that run in turn goes round in that time, in the same process: what
  a replay would stay below if LangGraph scheduled its steps;
- *size*: bytes of the run file for each call;
- *show*: seconds until `aarlab show` has printed the last round of a researcher, in a process of its own, and of that
  what the interpreter takes to print a run of ten calls.

100,000 calls take some minutes.
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

from langgraph.graph import END, START, StateGraph

from aarlab.agents.models import registry
from aarlab.agents.models.base import Model, Reply, Request
from aarlab.agents.models.pricing import Price
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.replay import replay_run
from aarlab.graph.scenario import Scenario
from aarlab.memory.messages import Message, Text, ToolCall, Usage

RESEARCHERS = 9
ROUNDS = 20
NOTE = "what was seen, what it may mean, what to try next. " * 10


@dataclass(frozen=True, slots=True)
class ReplayFigures:
    """What was measured of one run."""

    calls: int
    replayed_per_cpu_s: float
    langgraph_per_cpu_s: float
    bytes_per_call: float
    show_s: float
    show_short_s: float


class InstantModel:
    """A base model that takes no time, and writes into its notebook whatever it is told."""

    async def reply(self, request: Request) -> Reply:
        """Answer at once."""
        length = len(request.conversation.messages)
        tool_call = ToolCall(f"t{length}", "write_notebook", {"text": f"{length}: {NOTE}"})
        message = Message("assistant", (Text("I write it down."), tool_call))
        return Reply(message, "tool_use", Usage(100, 50), "instant", None)


def _open(seed: int, agent: str, temperament: str) -> Model:
    return InstantModel()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, nargs="+", default=[1000, 10_000], help="sizes of runs")
    parser.add_argument("--json", action="store_true", help="print JSON, a line for each run, instead of a table")
    arguments = parser.parse_args()
    instant = registry.ModelInfo("benchmark/instant", "takes no time", "nothing", _open, Price(0.0, 0.0, 0.0, 0.0))
    registry.MODELS = {**registry.MODELS, instant.name: instant}
    if not arguments.json:
        print(f"{'calls':>8}{'replay':>12}{'LangGraph':>12}{'size':>14}{'show':>9}{'of which':>10}")
    with tempfile.TemporaryDirectory() as folder:
        short = make_run(10, Path(folder) / "short.db")
        for calls in arguments.calls:
            each = figures(calls, Path(folder) / f"{calls}.db", short)
            if arguments.json:
                print(json.dumps(asdict(each)), flush=True)
                continue
            print(
                f"{each.calls:8,}{each.replayed_per_cpu_s:10,.0f}/s{each.langgraph_per_cpu_s:10,.0f}/s"
                f"{each.bytes_per_call:8,.0f} bytes{each.show_s:7.2f} s{each.show_short_s:8.2f} s",
                flush=True,
            )


def figures(calls: int, path: Path, short: Path) -> ReplayFigures:
    """Make a run of so many calls, and measure."""
    make_run(calls, path)
    done = replay_run(path)
    return ReplayFigures(
        done.calls,
        done.calls / done.cpu_s,
        langgraph(min(calls, 10_000)),
        path.stat().st_size / done.calls,
        show_time(path),
        show_time(short),
    )


def make_run(calls: int, path: Path) -> Path:
    """Make a run of about so many calls, each with a note in the notebook."""
    # A thought and a note take an hour together.
    hours = max(1, calls // RESEARCHERS)
    scenario = Scenario.model_validate(
        {
            "name": "tape",
            "team": {"model": "benchmark/instant", "researchers": RESEARCHERS},
            "budget": {"hours": hours, "round_hours": max(1.0, hours / ROUNDS)},
            "costs": {"think": 0.5, "write": 0.5},
            "scoring": {"screening_worlds": 2, "heldout_worlds": 2, "shifted_worlds": 0, "transfer_worlds": 0},
        }
    )
    run_scenario(scenario, path)
    return path


def show_time(path: Path) -> float:
    """Return the seconds until the last round of a researcher has been printed."""
    rounds = json.loads(_show(path, "--json"))["summary"]["rounds"]
    started_at = time.perf_counter()
    _show(path, "--agent", f"r{RESEARCHERS}", "--round", str(rounds))
    return time.perf_counter() - started_at


def _show(path: Path, *options: str) -> str:
    command = [sys.executable, "-m", "aarlab", "show", str(path), *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class _Turn(TypedDict):
    count: int


def langgraph(turns: int) -> float:
    """Return how often a graph of two empty nodes goes round in a second of CPU time."""

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
    bare = graph.compile()
    started_at = time.process_time()
    asyncio.run(bare.ainvoke({"count": 0}, config={"recursion_limit": 10 * turns + 100}))
    return turns / (time.process_time() - started_at)


if __name__ == "__main__":
    main()
