"""Measure whether the evaluator leaks resources over ten thousand evaluations.

    python benchmarks/endurance.py [--evaluations 10000] [--json]

Runs parallel pilots of the plain weak-to-strong student on chat through the evaluator and the strict sandbox. After
each tenth, it prints the resident memory of this process and of the sandbox processes, the open descriptors of this
process, and the number of processes. None of these may grow from the second tenth on.
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from aarlab.scenarios import baselines, task_registry
from aarlab.tools.evaluator.run_evaluator import Evaluator
from aarlab.tools.sandbox import Sandbox

PARALLEL_PILOTS = 8


@dataclass(frozen=True, slots=True)
class ResourceSample:
    """Resource usage after a number of evaluations."""

    evaluations: int
    per_s: float
    """Evaluations per second since the last sample."""
    process_mb: float
    """Resident memory of this process, in MiB."""
    sandbox_mb: float
    """Resident memory of all descendants; shared pages count once per process."""
    descriptors: int
    processes: int


def main() -> None:
    """Evaluate, and print a line after each tenth."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--evaluations", type=int, default=10_000, help="number of evaluations")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line instead of a table")
    arguments = parser.parse_args()
    if not arguments.json:
        print(f"{'evaluations':>11}{'per s':>8}{'own MiB':>10}{'sandbox MiB':>13}{'descriptors':>13}{'processes':>11}")
    for sample in resource_samples(arguments.evaluations):
        print(json.dumps(asdict(sample)) if arguments.json else row(sample), flush=True)


def resource_samples(evaluations: int) -> Iterator[ResourceSample]:
    """Run evaluations and yield a sample after each tenth."""
    task, code = task_registry.make_task("chat"), baselines.load()["vanilla_soft"].code
    task.prepare()
    part = max(PARALLEL_PILOTS, evaluations // 10)

    async def evaluate(evaluator: Evaluator, first: int) -> None:
        for start in range(first, first + part, PARALLEL_PILOTS):
            names = [f"r1.e{number}" for number in range(start, min(start + PARALLEL_PILOTS, first + part))]
            trials = await asyncio.gather(*(evaluator.run_experiment(code, "pilot", name=name) for name in names))
            assert all(trial.error is None for trial in trials)

    with Sandbox() as sandbox, Evaluator(task, sandbox, run_seed=1, full_worlds=8) as evaluator:
        for done in range(0, evaluations, part):
            started_at = time.monotonic()
            asyncio.run(evaluate(evaluator, done))
            yield _resource_sample(done + part, part / (time.monotonic() - started_at))


def _resource_sample(evaluations: int, per_s: float) -> ResourceSample:
    descendants = _descendants(os.getpid())
    return ResourceSample(
        evaluations,
        per_s,
        process_mb=_resident_mb(os.getpid()),
        sandbox_mb=sum(map(_resident_mb, descendants)),
        descriptors=len(os.listdir("/proc/self/fd")),
        processes=1 + len(descendants),
    )


def _descendants(process: int) -> list[int]:
    """Return the ids of all descendants of a process."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # the process has ended
                continue
    descendants = [process]
    for ancestor in descendants:
        descendants += [child for child, parent in parents.items() if parent == ancestor]
    return descendants[1:]


def _resident_mb(process: int) -> float:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return 0.0


def row(sample: ResourceSample) -> str:
    """Return a line of the table."""
    memory = f"{sample.process_mb:>10.1f}{sample.sandbox_mb:>13.1f}"
    return f"{sample.evaluations:>11}{sample.per_s:>8.1f}{memory}{sample.descriptors:>13}{sample.processes:>11}"


if __name__ == "__main__":
    main()
