"""Measure the bytes that a model call takes in the run file.

    python benchmarks/run_file_size.py [--json] [--calls 50] [--keep FOLDER]

Nine researchers with an instant base model post one finding of 300 bytes in each call. The size is that of the finished
file, less the size of the same run with one call each. Takes some seconds.
"""

import argparse
import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import instant_model

from aarlab.agents.models.pricing import Price
from aarlab.graph.flow.context import Scheduler
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.scenario import Scenario
from aarlab.memory.packed_file import pack_file

RESEARCHERS = 9


@dataclass(frozen=True, slots=True)
class FileSizeRow:
    """Size of one form of the run file."""

    form: str
    calls: int
    """Model calls of each researcher."""
    bytes_per_call: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object per line instead of a table")
    parser.add_argument("--calls", type=int, nargs="*", default=[50], help="model calls of each researcher")
    parser.add_argument("--keep", type=Path, help="folder to copy the run files to")
    arguments = parser.parse_args()
    for calls in arguments.calls:
        for row in file_size_rows(calls, arguments.keep):
            line = f"{row.form:<8}{row.calls:>6} calls each{row.bytes_per_call:>10,.0f} bytes per call"
            print(json.dumps(asdict(row)) if arguments.json else line)


def file_size_rows(calls: int = 50, keep: Path | None = None) -> list[FileSizeRow]:
    """Return the bytes per call of each form of the run file, for a number of calls of each researcher."""
    with tempfile.TemporaryDirectory() as folder:
        path, first = (posting_run(Path(folder) / f"{number}.db", number) for number in (calls, 1))
        rows = []
        for form in ("plain", "packed"):
            if form == "packed":
                pack_file(path)
                pack_file(first)
            growth = vacuumed_size(path) - vacuumed_size(first)
            rows.append(FileSizeRow(form, calls, growth / (RESEARCHERS * (calls - 1))))
            if keep is not None:
                shutil.copyfile(path, keep / f"{form}{calls}.db")
    return rows


def posting_run(
    path: Path,
    calls: int,
    *,
    researchers: int = RESEARCHERS,
    calls_per_round: int = 10_000,
    scheduler: Scheduler = "auto",
) -> Path:
    """Run a team in which each of `calls` calls of a researcher posts a finding; return the path of its run file."""
    instant_model.register(Price(0.0, 0.0, 0.0, 0.0))
    step_hours = 0.1
    scenario = Scenario.model_validate(
        {
            "team": {"researchers": researchers, "model": instant_model.POSTING},
            "structure": {"opening": "none"},
            "costs": {"think": step_hours / 2, "share": step_hours / 2},
            "budget": {"hours": 1000.0, "round_hours": calls_per_round * step_hours, "calls_per_agent": calls},
            "scoring": {"full_worlds": 2, "final_worlds": 2, "screening_worlds": 2, "heldout_worlds": 2},
        }
    )
    run_scenario(scenario, path, scheduler=scheduler)
    return path


def vacuumed_size(path: Path) -> int:
    """Return the bytes of a run file without free pages."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM")
    return path.stat().st_size


if __name__ == "__main__":
    main()
