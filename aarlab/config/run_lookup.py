"""Paths of new run files, and run files by name."""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aarlab.config.errors import ConfigError, Fault, did_you_mean
from aarlab.config.run_file_cache import kept_value
from aarlab.memory.run_file_errors import NotARunFile, SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.memory.schema import run_started_at

DEFAULT_FOLDER = Path("runs")
SUFFIX = ".db"
ABLATION_FILE = "ablation.yaml"
"""File in the folder of an ablation that contains the plan."""


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run file in a folder."""

    path: Path
    created_at: str
    """When the run started, or, if it cannot be read, when the file was last changed; ISO 8601, UTC."""


def new_run_path(folder: Path, scenario: str, seed: int) -> Path:
    """Return a path for a new run, such as `quickstart-seed7-20261123-154210-3fa2c1.db`; its stem is the run's id."""
    timestamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return folder / f"{scenario}-seed{seed}-{timestamp}-{secrets.token_hex(3)}{SUFFIX}"


def find_run(name: str | None) -> Path:
    """Return the path of a run file.

    Args:
        name: A file, a folder (its newest run), or an id, or the beginning of an id, in ./runs; None means the newest
            run in ./runs.

    Raises:
        ConfigError: There is no such run, or the id is ambiguous.
    """
    path = DEFAULT_FOLDER if name is None else Path(name)
    if path.is_file():
        return path
    if path.is_dir():
        runs = runs_in(path)
        if not runs:
            raise ConfigError([Fault(str(path), None, "the folder has no runs", "a run file or a folder with runs")])
        return runs[-1].path
    known = [run.path for run in runs_in(DEFAULT_FOLDER)]
    matching = [run for run in known if name is not None and run.stem.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    if name is None:
        raise ConfigError([Fault("./runs", None, "no such folder", "a folder with runs", "aarlab run")])
    problem = f"{len(matching)} runs start with this id" if matching else "no such run"
    fix = None if matching else did_you_mean(name, (run.stem for run in known))
    raise ConfigError([Fault(name, None, problem, "a run file, a folder with runs, or the id of a run in ./runs", fix)])


def find_interrupted_run() -> Path:
    """Return the newest run in ./runs that is not finished. Raises ConfigError if there is none."""
    find_run(None)  # there are runs
    for run in reversed(runs_in(DEFAULT_FOLDER)):
        with suppress(SchemaError, OSError), RunReader.open(run.path) as file:
            if file.info().summary is None:
                return run.path
    problem, fix = "all runs in this folder are finished", "aarlab fork RUN --round ROUND continues a finished run"
    raise ConfigError([Fault("./runs", None, problem, "an interrupted run", fix)])


def runs_in(folder: Path) -> list[FoundRun]:
    """Return the run files directly in a folder, oldest first, with those that are damaged or of another version."""
    runs = [FoundRun(path, created) for path in sorted(folder.glob(f"*{SUFFIX}")) if (created := _created_at(path))]
    return sorted(runs, key=lambda run: (run.created_at, run.path.name))


def _created_at(path: Path) -> str | None:
    """Return `FoundRun.created_at`; None for a file of another program, and for one that is gone."""
    try:
        return str(kept_value(path, "started at", lambda: run_started_at(path)))
    except (NotARunFile, OSError):
        return None
    except SchemaError:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="milliseconds")
