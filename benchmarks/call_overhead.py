"""Measure the CPU time of one model call with its tool call, beside plain LangGraph and a program written by hand.

    python benchmarks/call_overhead.py [--repeats 3] [--json]

Takes about two minutes. In each call an instant base model posts a finding of 300 bytes. The contenders run in turns in
one process, and the medians are printed, first as multiples of the floor and then in milliseconds of CPU time:

- *by hand*: a loop, and one committed row of SQLite per call. This is the floor.
- *LangGraph*: a graph of two nodes with `MessagesState`; nothing is recorded.
- *aarlab*: a run from its first to its last model call, with rounds, news, board, budget, ledger and run file. The
  graphs are executed directly, as they are for simulated models.
- *aarlab by LangGraph*: the same run with `--scheduler langgraph`, as for live models.
- *aarlab with limits*: the same run with a budget in dollars and tokens, which is checked before each call.

A further figure is the time to convert a conversation of 400 calls into the body of a request to the Messages API. It
grows with the conversation, as the request does.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import calls_by_hand
import instant_model

from aarlab.agents.models import anthropic
from aarlab.agents.models.base import ModelSettings, Request
from aarlab.agents.models.pricing import Price
from aarlab.graph.flow.context import Scheduler
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import LogEntry, ModelCall
from aarlab.memory.messages import Conversation, Message, ToolResult, user_message
from aarlab.tools.tool_registry import TOOLS

SYSTEM = "You are a researcher. " * 200
CALLS_PER_ROUND = 10
PRICE = Price(input=4.0, output=20.0, cache_read=0.2, cache_write=5.0)


@dataclass(frozen=True, slots=True)
class TeamSize:
    """A number of agents and of model calls of each agent."""

    name: str
    agents: int
    calls: int


SIZES = (TeamSize("T=50", 9, 50), TeamSize("T=400", 9, 400), TeamSize("N=300", 300, 12))


@dataclass(frozen=True, slots=True)
class CallCost:
    """The median cost of a call of one contender in a team of one size."""

    contender: str
    size: str
    floors: float
    """Multiple of the cost of the program written by hand, of the same repeat."""
    growth: float
    """Multiple of the contender's own cost at the first size."""
    cpu_ms: float
    """Milliseconds of CPU time."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3, help="number of turns of each contender")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args()
    costs, body_ms = call_costs(arguments.repeats), request_body_ms()
    if arguments.json:
        print(json.dumps({"calls": [asdict(cost) for cost in costs], "body_ms": body_ms}))
    else:
        print(f"{table(costs)}\nrequest body after 400 calls: {body_ms:.2f} ms")


def call_costs(repeats: int = 3) -> list[CallCost]:
    """Return the cost of a call of each contender at each size, measured in turns."""
    ms: dict[tuple[str, TeamSize], list[float]] = {(name, size): [] for name in CONTENDERS for size in SIZES}
    for _ in range(repeats):
        for name, size in ms:
            cpu_s = CONTENDERS[name](size)
            ms[name, size].append(cpu_s / (size.agents * size.calls) * 1000)
    floor = next(iter(CONTENDERS))
    return [
        CallCost(
            name,
            size.name,
            statistics.median(own / floors for own, floors in zip(values, ms[floor, size], strict=True)),
            statistics.median(own / first for own, first in zip(values, ms[name, SIZES[0]], strict=True)),
            statistics.median(values),
        )
        for (name, size), values in ms.items()
    ]


def table(costs: list[CallCost]) -> str:
    """Return the costs as a table: multiples of the floor, growth, milliseconds."""
    sizes = [size.name for size in SIZES]
    heads = [*(f"{size}, floors" for size in sizes), *(f"{size}, growth" for size in sizes[1:])]
    lines = [f"{'':<22}" + "".join(f"{head:>15}" for head in [*heads, *(f"{size}, ms" for size in sizes)])]
    for name in CONTENDERS:
        own = [cost for cost in costs if cost.contender == name]
        cells = [f"{cost.floors:.1f}" for cost in own] + [f"{cost.growth:.2f}" for cost in own[1:]]
        lines.append(f"{name:<22}" + "".join(f"{cell:>15}" for cell in [*cells, *(f"{c.cpu_ms:.3f}" for c in own)]))
    return "\n".join(lines)


def by_hand(size: TeamSize) -> float:
    """Return the CPU seconds of a program that commits one row per call and keeps its conversations."""
    with tempfile.TemporaryDirectory() as folder:
        return _total_s(calls_by_hand.by_hand(size.calls, Path(folder) / "calls.db", size.agents), size)


def by_plain_langgraph(size: TeamSize) -> float:
    """Return the CPU seconds of a LangGraph graph that records nothing."""
    return _total_s(calls_by_hand.by_langgraph(size.calls, size.agents), size)


def _total_s(call_ms: float, size: TeamSize) -> float:
    return call_ms * size.agents * size.calls / 1000


def by_aarlab(size: TeamSize, *, scheduler: Scheduler, limits: bool) -> float:
    """Return the CPU seconds of a run from its first to its last model call."""
    costs = {"think": 0.5, "share": 0.5}
    budget = {"hours": size.calls, "round_hours": CALLS_PER_ROUND, **({"usd": 1e6, "tokens": 10**12} if limits else {})}
    settings = {"team": {"researchers": size.agents, "model": instant_model.POSTING}, "costs": costs, "budget": budget}
    n_calls, started_at = 0, 0.0

    def observe(entry: LogEntry) -> None:
        nonlocal n_calls, started_at
        if isinstance(entry.event, ModelCall):
            n_calls += 1
            if n_calls == 1:
                started_at = time.process_time()
            elif n_calls == size.agents * size.calls:
                raise _LastCallError

    instant_model.register(PRICE)
    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario.model_validate(settings)
        try:
            run_scenario(scenario, Path(folder) / "run.db", listeners=[observe], scheduler=scheduler)
        except _LastCallError:
            return time.process_time() - started_at
    raise AssertionError(f"the run made only {n_calls} calls")


class _LastCallError(Exception):
    """The run made its last model call; its close is not measured."""


CONTENDERS: dict[str, Callable[[TeamSize], float]] = {
    "by hand": by_hand,
    "LangGraph": by_plain_langgraph,
    "aarlab": partial(by_aarlab, scheduler="direct", limits=False),
    "aarlab by LangGraph": partial(by_aarlab, scheduler="langgraph", limits=False),
    "aarlab with limits": partial(by_aarlab, scheduler="direct", limits=True),
}
"""Functions that return the CPU seconds of all calls of a team. The first is the floor."""


def request_body_ms() -> float:
    """Return the milliseconds of CPU time for the body of a request after 400 calls."""
    conversation = begin = Conversation.begin(SYSTEM).then(user_message("Begin."))
    model = instant_model.PostingModel("r1")
    for _ in range(400):
        message = asyncio.run(model.reply(Request(begin, ()))).message
        result = ToolResult(message.tool_calls[0].id, json.dumps({"finding": "r1.f1"}))
        conversation = conversation.then(message, Message("user", (result,)))
    request = Request(conversation, tuple(tool.spec for tool in TOOLS.values()))
    started_at = time.process_time()
    for _ in range(20):
        anthropic.request_body(request, "claude", ModelSettings())
    return (time.process_time() - started_at) / 20 * 1000


if __name__ == "__main__":
    main()
