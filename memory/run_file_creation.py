"""Create a run file, empty or with the events of a parent run before a round."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NotRequired, TypedDict

from aarlab.memory.atomic_file import atomic_output
from aarlab.memory.file_lock import FileLock
from aarlab.memory.laboratory_fingerprint import needs_laboratory
from aarlab.memory.messages import Json, canonical_json
from aarlab.memory.run_copying import Edit, LogWriter, copy_log
from aarlab.memory.run_reader import RunReader


class NewRun(TypedDict):
    """The row of table `runs` that a new run file starts with."""

    run_id: str
    version: str
    seed: int
    scenario: Json
    sandbox: NotRequired[str | None]
    fork_history: NotRequired[Sequence[Json]]


def create_run_file(
    path: Path, run: NewRun, parent: Path | None = None, before_round: int = 0, edit: Edit | None = None
) -> FileLock:
    """Create a run file and return its lock.

    Args:
        path: The file to create. Missing parent folders are created, too.
        run: The row of table `runs`.
        parent: Run file whose events before `before_round` are copied.
        before_round: First round of the parent that is not copied.
        edit: An edited message of the parent, up to which it is copied.

    Raises:
        FileExistsError: The path exists.
        FileLocked: Another process creates the file.
        FileNotFoundError, SchemaError: The parent cannot be read.
    """
    from aarlab.memory.migrations import create_schema

    if path.exists():
        raise FileExistsError(f"{path} already exists; choose another path")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock.acquire(path)
    with (
        lock.release_on_error(),
        atomic_output(path) as temporary,
        closing(sqlite3.connect(temporary, isolation_level=None)) as connection,
    ):
        if holds_secret(run["scenario"], run.get("fork_history") or ()):
            temporary.chmod(0o600)
        create_schema(connection)
        log = LogWriter(connection, path)
        log.insert_run(_runs_row(run))
        if parent is not None:
            with RunReader.open(parent) as parent_file:
                copy_log(parent_file, log, before_round=before_round, edit=edit)
    return lock


def holds_secret(scenario: Json, fork_history: Sequence[Json]) -> bool:
    """Return whether a run file with this scenario and history has a secret other than a laboratory's fingerprint."""
    scenarios = [scenario, *(segment["scenario"] for segment in fork_history)]
    found = [(one.get("scoring") or {}).get("secret") or "" for one in scenarios]
    return any(secret and not needs_laboratory(secret) for secret in found)


def now() -> str:
    """Return the wall-clock time, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _runs_row(run: NewRun) -> dict[str, str | int | None]:
    fork_history = run.get("fork_history")
    return {
        "run_id": run["run_id"],
        "aarlab_version": run["version"],
        "created_at": now(),
        "seed": run["seed"],
        "scenario": canonical_json(run["scenario"]),
        "status": "running",
        "sandbox": run.get("sandbox"),
        "fork_history": canonical_json(list(fork_history)) if fork_history else None,
    }
