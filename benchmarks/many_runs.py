"""Measure the CPU time to list many runs and to report on them, each twice, and to open one file.

    python benchmarks/many_runs.py [--runs 1000] [--series 1] [--json]

The run files are small: about 20 events, two researchers, two structures. Each series starts with an empty cache, and
measures `aarlab list --all` and `aarlab report` in processes of their own, with the interpreter's start:

- *first*: nothing is known of the files;
- *second*: what was computed from them is in the user's cache.

*open* is the time in which one file is opened and its tables and views are checked.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from aarlab.graph.run.summary import summarise
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import AgentSetup, Decision, Evaluation, Experiment, Finding, RoundStarted, RunClosed
from aarlab.memory.run_info import with_summary_hash
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter

AGE_S = 2.5
"""Seconds from which the times of a file tell of every later change, with a margin."""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU times for a folder of runs."""

    runs: int
    bytes_per_run: int
    open_ms: float
    list_first_s: float
    list_second_s: float
    report_first_s: float
    report_second_s: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1000, help="number of run files")
    parser.add_argument("--series", type=int, default=1, help="number of series")
    parser.add_argument("--json", action="store_true", help="print one JSON object per series")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        runs.mkdir()
        for number in range(arguments.runs):
            write_run(runs / f"run{number:05}.db", number)
        time.sleep(AGE_S)
        for series in range(arguments.series):
            cost = cost_of(runs, Path(folder) / f"cache{series}")
            row = (
                f"open {cost.open_ms:.2f} ms, list {cost.list_first_s:.2f} and {cost.list_second_s:.2f} s, report "
                f"{cost.report_first_s:.2f} and {cost.report_second_s:.2f} s"
            )
            print(json.dumps(asdict(cost)) if arguments.json else row, flush=True)


def write_run(path: Path, number: int) -> None:
    """Write a finished run of two researchers with four experiments, as a short run has them."""
    structure, pgr = ("autonomous", "staged")[number % 2], 0.3 + (number * 37 % 100) / 300
    scenario = Scenario.model_validate({"seed": number, "structure": structure, "team": {"researchers": 2}})
    dumped = scenario.model_dump(mode="json")
    with RunWriter.create(path, run_id=path.stem, version="0", seed=number, scenario=dumped) as file:
        code = file.store_text("def method(inputs):\n    return inputs.weak_labels\n")
        for name in scenario.team.names:
            file.append(name, AgentSetup("researcher", "simulated/researcher", "", "", "d"), round=0, hours=0)
            file.append(name, Decision("next_step", "", "agent"), round=1, hours=0)
        file.append("team", RoundStarted(2.0), round=1, hours=0)
        for name in scenario.team.names:
            for turn in (1, 2):
                ident = f"{name}.e{turn}"
                file.append(
                    name, Experiment(ident, "m.py", code, "full", None, pgr / turn, 0.03, []), round=1, hours=6.0 * turn
                )
            finding = Finding(
                f"{name}.f1", name, "result", "an idea", "", "ensemble", f"{name}.e1", code, "full", pgr, 0.03
            )
            file.append(name, finding, round=1, hours=12.0)
        for panel in ("final", "heldout"):
            by_world = [round(pgr + (world - 3.5) / 100, 4) for world in range(8)]
            score = Evaluation("r1.f1", panel, code, 8, round(pgr, 4), 0.02, 0.7, 0.6, 0.8, pgr_by_world=by_world)
            file.append("team", score, round=2, hours=24.0)
        file.append("team", RunClosed("r1.f1", 2.0), round=2, hours=24.0)
        file.finish("done", with_summary_hash({**summarise(file), "status": "done", "wall_clock_s": 1.0}))


def cost_of(runs: Path, cache: Path) -> Cost:
    """Return what it costs to list the runs of a folder and to report on them, with a new cache."""
    paths = sorted(runs.glob("*.db"))
    list_s = [child_cpu_s(cache / "list", "list", str(runs), "--all") for _ in range(2)]
    report = ("report", str(runs), "--out", str(cache.with_suffix(".html")))
    report_s = [child_cpu_s(cache / "report", *report) for _ in range(2)]
    return Cost(
        len(paths), sum(path.stat().st_size for path in paths) // len(paths), open_ms(paths), *list_s, *report_s
    )


def open_ms(paths: list[Path]) -> float:
    """Return the milliseconds in which a file is opened."""
    RunReader.open(paths[0]).close()
    started = time.process_time()
    for path in paths:
        RunReader.open(path).close()
    return 1000 * (time.process_time() - started) / len(paths)


def child_cpu_s(cache: Path, *arguments: str) -> float:
    """Return the seconds of CPU time of `aarlab` with these arguments and this cache."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "AARLAB_CACHE": str(cache), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "aarlab", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
