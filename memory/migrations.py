"""The run file's schema: tiny append-only steps, applied in order when a file is opened for writing.

Never change a step that has been released; add the next one. The number of applied steps is the file's `PRAGMA
user_version`.
"""

import dataclasses
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

from aarlab.memory.events import EVENT_CLASS_BY_KIND, Event
from aarlab.memory.run_file_errors import SchemaError

if TYPE_CHECKING:  # it brings pandas where that is installed, and whoever only reads a file has no use for either
    from sqlite_utils import Database

Migration = Callable[["Database"], None]
MIGRATIONS: list[Migration] = []


def migration(step: Migration) -> Migration:
    """Append a step to the schema's history."""
    MIGRATIONS.append(step)
    return step


@migration
def m001_event_log_and_content_store(db: "Database") -> None:
    """Create the event log, the content store and the run's own row."""
    db.executescript(
        """
        CREATE TABLE runs (
            run_id TEXT PRIMARY KEY,
            aarlab_version TEXT NOT NULL,
            created_at TEXT NOT NULL,
            seed INTEGER NOT NULL,
            scenario TEXT NOT NULL,      -- JSON: the resolved scenario
            status TEXT NOT NULL,        -- running | done | stopped | failed
            summary TEXT                 -- JSON: what `aarlab run --json` printed; NULL until the close
        );
        CREATE TABLE messages (
            hash TEXT PRIMARY KEY,       -- of speaker and content; each message is stored once
            speaker TEXT NOT NULL,       -- user | assistant
            content TEXT NOT NULL        -- JSON list of blocks: text, thinking, tool_use, tool_result
        ) WITHOUT ROWID;
        CREATE TABLE texts (
            hash TEXT PRIMARY KEY,       -- code of methods, system prompts, tool definitions
            text TEXT NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE events (
            id INTEGER PRIMARY KEY,      -- order of arrival; means nothing between streams of one round
            stream TEXT NOT NULL,        -- the agent it happened to, or 'team'
            ordinal INTEGER NOT NULL,    -- 0, 1, 2, ... within the stream
            round INTEGER NOT NULL,      -- 0 is the briefing
            hours REAL NOT NULL,         -- research hours the agent had used when it happened
            kind TEXT NOT NULL,          -- names the view that shows it with columns
            data TEXT NOT NULL,          -- JSON
            at TEXT NOT NULL,            -- wall-clock time, UTC; in no digest
            UNIQUE (stream, ordinal)
        );
        CREATE INDEX events_by_kind ON events (kind);
        CREATE TRIGGER events_reject_updates BEFORE UPDATE ON events
            BEGIN SELECT raise(ABORT, 'events are append-only'); END;
        CREATE TRIGGER events_reject_deletes BEFORE DELETE ON events
            BEGIN SELECT raise(ABORT, 'events are append-only'); END;
        """
    )


@migration
def m002_sandbox_mode(db: "Database") -> None:
    """Add the mode of the sandbox to the run's own row: strict, docker or none; NULL in runs of before."""
    db.execute("ALTER TABLE runs ADD COLUMN sandbox TEXT")


@migration
def m003_fork_history(db: "Database") -> None:
    """Add the fork_history to the run's own row: of a forked run, JSON of how it was configured before; else NULL."""
    db.execute("ALTER TABLE runs ADD COLUMN fork_history TEXT")


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the number of steps that have been applied to the file.

    Raises:
        SchemaError: The file was written by a newer aarlab.
    """
    applied = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if applied > len(MIGRATIONS):
        raise SchemaError(
            f"the file was written by {_writing_version(connection)} and has schema version {applied}, this aarlab knows "
            f"{len(MIGRATIONS)}: a newer aarlab opens it"
        )
    return applied


def _writing_version(connection: sqlite3.Connection) -> str:
    """Return which aarlab wrote a file, as far as a file of the future can be understood."""
    try:
        return f"aarlab {connection.execute('SELECT aarlab_version FROM runs').fetchone()[0]}"
    except (sqlite3.DatabaseError, TypeError):
        return "another aarlab"


def migrate(db: "Database", version: int | None = None) -> None:
    """Bring the file to this version's schema and its views to this version's events.

    With `version`, take only so many steps: a file as an earlier aarlab made it.

    Raises:
        SchemaError: The file was written by a newer aarlab.
    """
    applied, version = schema_version(db.conn), len(MIGRATIONS) if version is None else version
    if applied == version:
        return
    with db.atomic():
        for step in MIGRATIONS[applied:version]:
            step(db)
        for event in EVENT_CLASS_BY_KIND.values():
            db.execute(f"DROP VIEW IF EXISTS {event.kind}")
            db.execute(view_sql(event))
        db.execute(f"PRAGMA user_version = {version}")


def view_sql(event: type[Event]) -> str:
    """Return the SQL of the view that shows one kind of event with a column for each of its fields."""
    fields = ", ".join(f"json_extract(data, '$.{field.name}') AS {field.name}" for field in dataclasses.fields(event))
    return (
        f"CREATE VIEW {event.kind} AS SELECT id AS event, stream, ordinal, round, hours, {fields}, at "
        f"FROM events WHERE kind = '{event.kind}'"
    )
