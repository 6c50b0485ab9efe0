"""Measure whether the simulated researcher learns: learning curves, and four controls at equal cost.

    python benchmarks/believability.py [--tasks chat math] [--seeds 20] [--seeds-from 101]
        [--hours 5 10 20 40 80] [--at 20] [--out FOLDER]

Every run is the scenario `small` with other hours. The result is the held-out PGR of the team's winner.

- *Learning curves*: the researcher with each number of research hours; means and standard errors over seeds, and the
  difference to the previous number of hours, paired by seed.
- *Controls*, all with `--at` hours, and the difference of the researcher to each, paired by seed: random full runs;
  random full runs after pilots, from the published methods; the researcher without sharing; the researcher with the
  scores of others permuted. The researcher is believable if it is above all of them by more than two standard errors.

Runs are executed one after the other on one core: start a process for each task, with a folder for each. Results are
appended to FOLDER/results.jsonl as they arrive. If the benchmark is started again, it executes only the runs that are
missing. Delete the folder after a change of the researcher or of a task.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from aarlab.config.scenario_files import load_scenario
from aarlab.graph.run.execute import run_scenario
from aarlab.statistics import compare, mean_estimate
from aarlab.tools.evaluator.world_cache import WorldCache

RESEARCHER = "researcher"
CONTROLS: Mapping[str, Sequence[str]] = {
    "random full runs": ["team.model=simulated/random"],
    "random with pilots": ["team.model=simulated/random-pilots"],
    "no sharing": ["structure.sharing=none"],
    "shuffled board": ["team.model=simulated/shuffled-board"],
}
"""Settings of the controls."""
ARMS: Mapping[str, Sequence[str]] = {RESEARCHER: [], **CONTROLS}

Key = tuple[str, str, float, int]
"""Task, arm, research hours, seed."""


class Results:
    """The held-out PGR of runs, kept in a file."""

    def __init__(self, folder: Path) -> None:
        """Read the results of earlier executions, if there are any."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "results.jsonl"
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        self._pgr: dict[Key, float] = {}
        for entry in map(json.loads, lines):
            self._pgr[entry["task"], entry["arm"], entry["hours"], entry["seed"]] = entry["pgr"]

    def add(self, keys: Sequence[Key]) -> None:
        """Execute the runs that are missing, and report progress on stderr."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._pgr]
        worlds = WorldCache()
        for number, key in enumerate(missing, start=1):
            task, arm, hours, seed = key
            print(f"run {number} of {len(missing)}: {task}, {arm}, {hours:g} h, seed {seed}", file=sys.stderr)
            self._pgr[key] = pgr = heldout_pgr(task, ARMS[arm], hours, seed, worlds)
            entry = {"task": task, "arm": arm, "hours": hours, "seed": seed, "pgr": pgr}
            with self._path.open("a") as file:
                file.write(f"{json.dumps(entry)}\n")

    def of(self, task: str, arm: str, hours: float, seeds: Sequence[int]) -> dict[int, float]:
        """Return the held-out PGR by seed."""
        return {seed: self._pgr[task, arm, hours, seed] for seed in seeds}


def heldout_pgr(task: str, settings: Sequence[str], hours: float, seed: int, worlds: WorldCache) -> float:
    """Return the held-out PGR of one run on one core; 0, the PGR of the teacher, if no result was submitted."""
    scenario = load_scenario("small", [f"task={task}", f"budget.hours={hours:g}", f"seed={seed}", *settings])
    with tempfile.TemporaryDirectory() as folder:
        summary = run_scenario(scenario, Path(folder) / "run.db", threads=1, worlds=worlds)
    pgr = (summary["heldout"] or {}).get("pgr")
    return 0.0 if pgr is None else float(pgr)


def curve_lines(results: Results, task: str, hours: Sequence[float], seeds: Sequence[int]) -> list[str]:
    """Return the learning curve of a task, one line for each number of hours."""
    lines = []
    for i, number in enumerate(hours):
        values = results.of(task, RESEARCHER, number, seeds)
        line = f"  {number:>4g} h  {_mean(values)}"
        if i:
            line += (
                f"   since {hours[i - 1]:g} h: {_difference(values, results.of(task, RESEARCHER, hours[i - 1], seeds))}"
            )
        lines.append(line)
    return lines


def control_lines(results: Results, task: str, at: float, seeds: Sequence[int]) -> list[str]:
    """Return the controls of a task, one line for each."""
    ours = results.of(task, RESEARCHER, at, seeds)
    lines = [f"  {RESEARCHER:<20}{_mean(ours)}"]
    for arm in CONTROLS:
        control = results.of(task, arm, at, seeds)
        lines.append(f"  {arm:<20}{_mean(control)}   researcher minus control: {_difference(ours, control)}")
    return lines


def _mean(values: Mapping[int, float]) -> str:
    interval = mean_estimate(list(values.values()))
    spread = "" if interval.interval is None else f" [{interval.interval[0]:.3f}, {interval.interval[1]:.3f}]"
    return f"{interval.value:.3f}{spread}"


def _difference(values: Mapping[int, float], against: Mapping[int, float]) -> str:
    difference = compare("values", values, "against", against)
    se, interval = difference.standard_error, difference.mean.interval
    if se is None or interval is None:
        return f"{difference.mean.value:+.3f}"
    ratio = f", {difference.mean.value / se:+.1f} SE" if se else ""
    return f"{difference.mean.value:+.3f} ± {se:.3f} [{interval[0]:+.3f}, {interval[1]:+.3f}]{ratio}"


def main() -> None:
    """Execute the missing runs and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tasks", nargs="+", default=["chat", "math", "code", "digits"])
    parser.add_argument("--seeds", type=int, default=20, help="number of seeds")
    parser.add_argument("--seeds-from", type=int, default=101, help="first seed; seeds 1 to 4 chose a prior on chat")
    parser.add_argument("--hours", nargs="*", type=float, default=[5, 10, 20, 40, 80], help="hours of the curves")
    parser.add_argument("--at", type=float, default=20, help="hours of the controls")
    parser.add_argument("--out", type=Path, default=Path("believability"), help="folder of the results")
    options = parser.parse_args()
    seeds = range(options.seeds_from, options.seeds_from + options.seeds)
    results = Results(options.out)
    for task in options.tasks:
        curve = [(task, RESEARCHER, hours, seed) for hours in options.hours for seed in seeds]
        controls = [(task, arm, options.at, seed) for seed in seeds for arm in ARMS]
        results.add([*controls, *curve])
        print(f"{task}: held-out PGR by research hours, {len(seeds)} seeds, mean [95 % interval]")
        print("\n".join(curve_lines(results, task, options.hours, seeds)))
        print(f"{task}: controls with {options.at:g} research hours")
        print("\n".join(control_lines(results, task, options.at, seeds)), flush=True)


if __name__ == "__main__":
    main()
