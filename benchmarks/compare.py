"""Compare the costs of aarlab with a loop written by hand and with plain LangGraph, in one alternating series.

    python benchmarks/compare.py [--series 3] [--groups calls growth files reading experiments start] [--json]

All results are ratios, so that machines and days can be compared; `docs/performance.md` explains them. The floor is a
loop written by hand that commits each call to SQLite. A series measures everything once, each in a process of its own;
a ratio is the median over the series of the ratios within one series. Times are CPU time. Everything together takes
about ten minutes on a quiet machine; progress goes to standard error.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import calls_by_hand
import experiment_cost
import reading_speed
import run_file_size

from aarlab.graph.flow.context import Scheduler

SHORT, LONG = 50, 400
"""Model calls of each agent."""
CALLS_PER_ROUND = 25
TEAM_CALLS = 10
"""Model calls of each agent of a team of nine and of 300."""
READ_SHORT, READ_LONG = 2_000, 20_000
"""Model calls of the runs that are read."""
Costs = Mapping[str, float]
"""Costs by name, in any unit: only ratios of two of the same unit are printed."""


def hand_costs(calls: int) -> Costs:
    """Return the CPU time and the bytes per call of the loop, and the CPU time to read its file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hand.db"
        call = calls_by_hand.by_hand(calls, path)
        return {
            "call": call,
            "bytes": path.stat().st_size / (calls_by_hand.AGENTS * calls),
            "read": calls_by_hand.read_by_hand(path),
        }


def langgraph_costs(calls: int) -> Costs:
    """Return the CPU time per call of plain LangGraph."""
    calls_by_hand.by_langgraph(2)  # loads its modules
    return {"call": calls_by_hand.by_langgraph(calls)}


def aarlab_costs(calls: int, scheduler: Scheduler, researchers: int = calls_by_hand.AGENTS) -> Costs:
    """Return the CPU time and the bytes per call of a team that posts in each call, close and summary included."""
    used, sizes = [], []
    with tempfile.TemporaryDirectory() as folder:
        _posting_run(Path(folder) / "first.db", 1, scheduler, researchers)  # loads modules and networks
        for each in (1, calls):
            started_at = time.process_time()
            path = _posting_run(Path(folder) / f"{each}.db", each, scheduler, researchers)
            used.append(time.process_time() - started_at)
            sizes.append(run_file_size.vacuumed_size(path))
    more_calls = researchers * (calls - 1)
    return {"call": 1000 * (used[1] - used[0]) / more_calls, "bytes": (sizes[1] - sizes[0]) / more_calls}


def _posting_run(path: Path, calls: int, scheduler: Scheduler, researchers: int) -> Path:
    return run_file_size.posting_run(
        path, calls, researchers=researchers, calls_per_round=CALLS_PER_ROUND, scheduler=scheduler
    )


def reading_costs(calls: int) -> Costs:
    """Return the CPU time per call to replay and to check a run, and that to show a round."""
    with tempfile.TemporaryDirectory() as folder:
        cost = reading_speed.reading_cost(reading_speed.make_run(calls, Path(folder) / "run.db"))
    return {"replay": cost.replay_ms, "check": cost.check_ms, "show": 1000 * cost.show_s}


def experiment_costs() -> Costs:
    """Return the CPU time of experiments, of drawing a world, and of starts above that of the bare interpreter."""
    bare_ms = 1000 * min(reading_speed.child_cpu_s("-c", "pass") for _ in range(5))
    return {"bare Python": bare_ms} | {row.name: row.cpu_ms for row in experiment_cost.rows(series=1)}


MEASUREMENTS: Mapping[str, Callable[[], Costs]] = {
    "hand": lambda: hand_costs(SHORT),
    "hand-long": lambda: hand_costs(LONG),
    "langgraph": lambda: langgraph_costs(SHORT),
    "langgraph-long": lambda: langgraph_costs(LONG),
    "aarlab": lambda: aarlab_costs(SHORT, "direct"),
    "aarlab-long": lambda: aarlab_costs(LONG, "direct"),
    "aarlab-by-langgraph": lambda: aarlab_costs(SHORT, "langgraph"),
    "aarlab-by-langgraph-long": lambda: aarlab_costs(LONG, "langgraph"),
    "team-9": lambda: aarlab_costs(TEAM_CALLS, "direct"),
    "team-300": lambda: aarlab_costs(TEAM_CALLS, "direct", researchers=300),
    "reading": lambda: reading_costs(READ_SHORT),
    "reading-long": lambda: reading_costs(READ_LONG),
    "experiments": experiment_costs,
}
"""What a process measures, by its name."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A row of the table: one cost divided by another of the same unit."""

    group: str
    label: str
    cost: str
    """A measurement and one of its costs, such as `aarlab.call`."""
    divided_by: str


RATIOS = (
    Ratio("calls", "LangGraph / floor, 50 calls", "langgraph.call", "hand.call"),
    Ratio("calls", "LangGraph / floor, 400 calls", "langgraph-long.call", "hand-long.call"),
    Ratio("calls", "aarlab / floor, 50 calls", "aarlab.call", "hand.call"),
    Ratio("calls", "aarlab / floor, 400 calls", "aarlab-long.call", "hand-long.call"),
    Ratio("calls", "aarlab / LangGraph, 50 calls", "aarlab.call", "langgraph.call"),
    Ratio("calls", "aarlab / LangGraph, 400 calls", "aarlab-long.call", "langgraph-long.call"),
    Ratio("calls", "aarlab by LangGraph / aarlab, 50 calls", "aarlab-by-langgraph.call", "aarlab.call"),
    Ratio("calls", "aarlab by LangGraph / aarlab, 400 calls", "aarlab-by-langgraph-long.call", "aarlab-long.call"),
    Ratio("growth", "a call of LangGraph, 400 / 50 calls", "langgraph-long.call", "langgraph.call"),
    Ratio("growth", "a call of aarlab, 400 / 50 calls (3,600 / 450 findings)", "aarlab-long.call", "aarlab.call"),
    Ratio("growth", "a call, 300 / 9 researchers (3,000 / 90 findings)", "team-300.call", "team-9.call"),
    # Of runs of about the same length: in a short one, half-empty pages and fixed tables are a tenth of the file.
    Ratio("growth", "bytes of a call, 300 / 9 researchers (3,000 / 3,600)", "team-300.bytes", "aarlab-long.bytes"),
    Ratio("growth", "a replayed call, 20,000 / 2,000 calls", "reading-long.replay", "reading.replay"),
    Ratio("growth", "a checked call, 20,000 / 2,000 calls", "reading-long.check", "reading.check"),
    Ratio("growth", "show a round, 20,000 / 2,000 calls", "reading-long.show", "reading.show"),
    Ratio("files", "bytes of a call, aarlab / floor, 50 calls", "aarlab.bytes", "hand.bytes"),
    Ratio("files", "bytes of a call, aarlab / floor, 400 calls", "aarlab-long.bytes", "hand-long.bytes"),
    Ratio("reading", "replay a call / a call of the floor", "reading.replay", "hand.call"),
    Ratio("reading", "check a call / read a call of the floor", "reading.check", "hand.read"),
    Ratio("reading", "show a round / bare interpreter", "reading-long.show", "experiments.bare Python"),
    Ratio("experiments", "pilot, workers / threads", "experiments.pilot, workers", "experiments.pilot, threads"),
    Ratio(
        "experiments", "full experiment, workers / threads", "experiments.full, workers", "experiments.full, threads"
    ),
    Ratio(
        "experiments",
        "full experiment / drawing a world",
        "experiments.full, workers",
        "experiments.drawing a full world",
    ),
    Ratio(
        "start", "import aarlab, added to / bare interpreter", "experiments.import aarlab", "experiments.bare Python"
    ),
    Ratio(
        "start", "aarlab --help, added to / bare interpreter", "experiments.aarlab --help", "experiments.bare Python"
    ),
    Ratio("start", "aarlab tasks, added to / bare interpreter", "experiments.aarlab tasks", "experiments.bare Python"),
)
"""The table."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    groups = tuple(dict.fromkeys(ratio.group for ratio in RATIOS))
    parser.add_argument("--series", type=int, default=3, help="repetitions of the whole series")
    parser.add_argument("--groups", nargs="+", choices=groups, default=groups, help="parts of the table")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--measure", choices=MEASUREMENTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure is not None:
        print(json.dumps(MEASUREMENTS[arguments.measure]()))
        return
    rows = [ratio for ratio in RATIOS if ratio.group in arguments.groups]
    series = [_measure_all(rows, f"series {number + 1} of {arguments.series}") for number in range(arguments.series)]
    table = {ratio.label: _values(ratio, series) for ratio in rows}
    if arguments.json:
        print(json.dumps({label: {"median": median(values), "series": values} for label, values in table.items()}))
        return
    for ratio in rows:
        values = table[ratio.label]
        print(f"{ratio.group:<13}{ratio.label:<58}{median(values):9.2f}   ({min(values):.2f} to {max(values):.2f})")


def _measure_all(rows: list[Ratio], label: str) -> dict[str, Costs]:
    """Return all costs that the rows need, each measured in a process of its own."""
    needed = {name.partition(".")[0] for ratio in rows for name in (ratio.cost, ratio.divided_by)}
    costs = {}
    for name in (name for name in MEASUREMENTS if name in needed):
        print(f"{label}: {name}", file=sys.stderr, flush=True)
        command = [sys.executable, __file__, "--measure", name]
        costs[name] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return costs


def _values(ratio: Ratio, series: list[dict[str, Costs]]) -> list[float]:
    """Return a ratio in each series."""

    def cost(costs: Mapping[str, Costs], name: str) -> float:
        measurement, _, unit = name.partition(".")
        return costs[measurement][unit]

    return [cost(costs, ratio.cost) / cost(costs, ratio.divided_by) for costs in series]


if __name__ == "__main__":
    main()
