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
from aarlab.memory.schema import open_read_only


class NewRun(TypedDict):
    """The row of table `runs` that a new run file starts with."""

    run_id: str
    version: str
    seed: int
    scenario: Json
    sandbox: NotRequired[str | None]
    fork_history: NotRequired[Sequence[Json]]


def create_run_file(path: Path, run: NewRun, parent: Path | None = None, before_round: int = 0) -> FileLock:
    """Create a run file and return its lock.

    Args:
        path: The file to create. Missing parent folders are created, too.
        run: The row of table `runs`.
        parent: Run file whose events before `before_round` are copied.
        before_round: First round of the parent that is not copied.

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
        if _has_secret(run["scenario"]):
            temporary.chmod(0o600)
        create_schema(connection)
        row = _runs_row(run)
        placeholders = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO runs ({', '.join(row)}) VALUES ({placeholders})", tuple(row.values()))
        if parent is not None:
            with closing(open_read_only(parent)) as parent_connection:
                _copy_events(connection, parent_connection, before_round)
    return lock


def _has_secret(scenario: Json) -> bool:
    """Return whether a scenario has a secret of its own, and not the fingerprint of the laboratory's."""
    secret = (scenario.get("scoring") or {}).get("secret") or ""
    return bool(secret) and not needs_laboratory(secret)


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


def _copy_events(connection: sqlite3.Connection, parent: sqlite3.Connection, before_round: int) -> None:
    """Copy the parent's events before a round, and the messages and texts that they refer to."""
    connection.execute("BEGIN")
    columns = "stream, ordinal, round, hours, kind, data, at"
    events = parent.execute(f"SELECT {columns} FROM events WHERE round < ? ORDER BY id", (before_round,))
    connection.executemany(f"INSERT INTO events ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", events)
    values = "SELECT DISTINCT value FROM events, json_each(events.data) WHERE json_each.type = 'text'"
    referenced = {value for (value,) in connection.execute(values)}
    for table, placeholders in (("messages", "?, ?, ?"), ("texts", "?, ?")):
        rows = (row for row in parent.execute(f"SELECT * FROM {table}") if row[0] in referenced)
        connection.executemany(f"INSERT INTO {table} VALUES ({placeholders})", rows)
    connection.execute("COMMIT")
