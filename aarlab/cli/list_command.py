"""`aarlab list`: the runs and ablations of a folder, newest first."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rich_click as click
from rich.table import Column
from rich.text import Text

from aarlab.cli.command_hints import short_path
from aarlab.cli.formatting import pgr_text, printable
from aarlab.cli.options import json_option
from aarlab.cli.output import exit_on_bad_input, print_json, stderr_console, stdout_console
from aarlab.cli.progress_bar import DelayedProgressBar
from aarlab.cli.tables import data_table, number_column
from aarlab.config import ConfigError, Fault
from aarlab.config.run_file_cache import is_altered, kept_value
from aarlab.config.run_lookup import ABLATION_FILE, DEFAULT_FOLDER, runs_in
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader

_ABLATIONS = Path("ablations")
_SHOWN = 20
"""Number of runs that are listed without `--all`."""


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run file."""

    id: str
    file: str
    created_at: str
    """ISO 8601, UTC."""
    status: str
    task: str
    structure: str
    """Preset of the structure."""
    seed: int
    pgr: float | None
    """Held-out score; None if there is none."""
    altered: bool = False
    """Whether events or summary are not those that were recorded."""


@dataclass(frozen=True, slots=True)
class ListedAblation:
    """The folder of an ablation."""

    name: str
    folder: str
    created_at: str
    """Last start of the ablation, ISO 8601, UTC."""
    finished: int
    """Number of finished runs."""
    unfinished: int
    """Number of interrupted or failed runs."""


@click.command("list")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--all", "show_all", is_flag=True, help="List all runs.  [default: the newest 20]")
@json_option
def list_(folder: Path | None, show_all: bool, as_json: bool) -> None:
    """List runs and ablations, newest first.

    FOLDER has run files, folders of ablations, or the folders runs/ and ablations/ (default: the current folder).
    """
    with exit_on_bad_input(as_json=as_json):
        limit = None if show_all or as_json else _SHOWN
        runs, older, ablations = contents(folder, limit)
    if as_json:
        print_json({"runs": [asdict(run) for run in runs], "ablations": [asdict(one) for one in ablations]})
        return
    _print(runs, older, ablations)


def contents(folder: Path | None, limit: int | None) -> tuple[list[ListedRun], int, list[ListedAblation]]:
    """Return the newest runs of a folder, the number of older ones, and its ablations, newest first.

    Raises:
        ConfigError: There is no such folder.
    """
    root = folder or Path()
    if not root.is_dir():
        raise ConfigError([Fault(str(root), None, "no such folder", "a folder with runs or ablations")])
    found = [run for place in (root, root / DEFAULT_FOLDER) if place.is_dir() for run in runs_in(place)]
    newest = sorted(found, key=lambda run: run.created_at, reverse=True)[:limit]
    runs = []
    with DelayedProgressBar(stderr_console(), delay_s=1.0) as progress_bar:
        for number, run in enumerate(newest):
            progress_bar("verifying runs", number / len(newest))
            runs.append(_listed_run(run.path, run.created_at))
    folders = [root, *(path for place in (root, root / _ABLATIONS) for path in sorted(place.glob("*")))]
    found_ablations = [_listed_ablation(path) for path in folders if (path / ABLATION_FILE).is_file()]
    return (
        runs,
        len(found) - len(newest),
        sorted(found_ablations, key=lambda ablation: ablation.created_at, reverse=True),
    )


def _listed_run(path: Path, created_at: str) -> ListedRun:
    try:
        fields = kept_value(path, "listed", lambda: _read(path))
    except (SchemaError, OSError):
        return ListedRun(path.stem, str(path), created_at, "damaged", "", "", 0, None)
    return ListedRun(path.stem, str(path), created_at, **fields)


def _read(path: Path) -> dict[str, Any]:
    """Return what a run file says of its run: the fields of a `ListedRun` from `status` on."""
    with RunReader.open(path) as file:
        info, altered = file.info(), is_altered(file)
    task, structure = _section(info.scenario, "task"), _section(info.scenario, "structure")
    score = _section(info.summary, "heldout")
    return {
        "status": info.status, "task": str(task.get("name", "")), "structure": str(structure.get("preset", "")),
        "seed": info.seed, "pgr": score.get("pgr"), "altered": altered,
    }  # fmt: skip


def _section(scenario: object, name: str) -> Mapping[str, object]:
    section = scenario.get(name) if isinstance(scenario, Mapping) else None
    return section if isinstance(section, Mapping) else {}


def _listed_ablation(folder: Path) -> ListedAblation:
    started = datetime.fromtimestamp((folder / ABLATION_FILE).stat().st_mtime, UTC).isoformat()
    finished, unfinished = (len(list((folder / part).glob("*.db"))) for part in ("runs", "unfinished"))
    return ListedAblation(folder.resolve().name, str(folder), started, finished, unfinished)


def _print(runs: list[ListedRun], older: int, ablations: list[ListedAblation]) -> None:
    console = stdout_console()
    if not runs and not ablations:
        console.print("No runs and no ablations here. Start with: aarlab run")
        return
    if runs:
        name = Column("run", style="cyan", overflow="fold")
        table = data_table(
            name, Column("status", no_wrap=True), Column("structure", no_wrap=True), number_column("score")
        )
        for run in runs:
            status = f"{run.status}, altered" if run.altered else run.status
            table.add_row(printable(run.id), status, printable(run.structure), pgr_text(run.pgr))
        console.print(table)
        if older:
            console.print(Text(f"and {older} older runs (--all)", style="dim"))
    if ablations:
        columns = (Column("ablation", style="cyan", overflow="fold"), number_column("finished"))
        table = data_table(*columns, number_column("unfinished"), Column("last start", no_wrap=True))
        for one in ablations:
            started = one.created_at[:16].replace("T", " ")
            table.add_row(printable(short_path(Path(one.folder))), str(one.finished), str(one.unfinished), started)
        console.print(table)
