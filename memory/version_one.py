"""Read run files of schema version 1, which had one row of JSON for each event."""

import json
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

from aarlab.memory.atomic_file import atomic_output
from aarlab.memory.content_store import StoredContent
from aarlab.memory.events import LogEntry, decode_event
from aarlab.memory.messages import canonical_json
from aarlab.memory.run_copying import LogWriter, copy_log
from aarlab.memory.run_file_errors import SchemaError, damage_as_schema_error
from aarlab.memory.schema import connect_existing, schema_objects, schema_of
from aarlab.memory.schema_sql import RUN_COLUMNS

TABLES_SQL = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    aarlab_version TEXT NOT NULL,
    created_at TEXT NOT NULL,    -- ISO 8601, UTC
    seed INTEGER NOT NULL,
    scenario TEXT NOT NULL,      -- JSON: the resolved scenario
    status TEXT NOT NULL,        -- running | done | stopped | failed | partial (imported findings)
    summary TEXT,                -- JSON: as printed by `aarlab run --json`; NULL until the close
    sandbox TEXT,                -- strict | docker | none; NULL if it was not recorded
    fork_history TEXT            -- JSON: earlier segments of a forked run; else NULL
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
    id INTEGER PRIMARY KEY,      -- order of arrival; arbitrary between streams of one round
    stream TEXT NOT NULL,        -- agent, or 'team'
    ordinal INTEGER NOT NULL,    -- 0, 1, 2, ... within the stream
    round INTEGER NOT NULL,      -- 0 is the setup
    hours REAL NOT NULL,         -- research hours the agent had used
    kind TEXT NOT NULL,          -- also the name of the view that shows the fields as columns
    data TEXT NOT NULL,          -- JSON
    at TEXT NOT NULL,            -- wall-clock time, UTC; not part of the digest
    UNIQUE (stream, ordinal)
);
CREATE INDEX events_by_kind ON events (kind);
CREATE TRIGGER events_reject_updates BEFORE UPDATE ON events
    BEGIN SELECT raise(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_reject_deletes BEFORE DELETE ON events
    BEGIN SELECT raise(ABORT, 'events are append-only'); END;
"""
"""The tables, index and triggers of a file of version 1."""
_VIEW = re.compile(
    r"CREATE VIEW (\w+) AS SELECT id AS event, stream, ordinal, round, hours, "
    r"(?:json_extract\(data, '\$\.(\w+)'\) AS \2, )*at FROM events WHERE kind = '\1'"
)


class VersionOneLog:
    """The events, messages and texts of a file of version 1."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read from an open connection."""
        self._connection = connection

    def entries(self) -> Iterator[LogEntry]:
        """Iterate over the events in order of arrival. Raises SchemaError at one that was altered."""
        query = "SELECT id, stream, ordinal, round, hours, kind, data, at FROM events ORDER BY id"
        for id_, stream, ordinal, round_, hours, kind, data, at in self._connection.execute(query):
            if canonical_json(json.loads(data)) != data:
                raise SchemaError(f"the event {id_} was altered: aarlab writes its data in another form")
            yield LogEntry(id_, stream, ordinal, round_, hours, decode_event(kind, data), at)

    def stored_content(self, key: str) -> StoredContent | None:
        """Return the message or text with this hash; None if there is none."""
        for query in (
            "SELECT hash, speaker, content FROM messages WHERE hash = ?",
            "SELECT hash, NULL, text FROM texts WHERE hash = ?",
        ):
            if (row := self._connection.execute(query, (key,)).fetchone()) is not None:
                return StoredContent(*row)
        return None

    def contents(self) -> Iterator[StoredContent]:
        """Iterate over the messages and texts."""
        query = "SELECT hash, speaker, content FROM messages UNION ALL SELECT hash, NULL, text FROM texts"
        yield from (StoredContent(*row) for row in self._connection.execute(query))


def schema_faults(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield what a file has besides the tables, views, triggers and indexes of version 1, or in place of them."""
    expected, found = _expected_schema(), dict(schema_objects(connection))
    for (kind, name), (table, sql) in found.items():
        if kind == "view" and (match := _VIEW.fullmatch(sql)) is not None and match[1] == name:
            continue
        if expected.get((kind, name)) != (table, sql):
            yield f"its {kind} {name!r} is not one that aarlab creates"
    yield from (f"it has no table {name!r}" for kind, name in expected if kind == "table" and (kind, name) not in found)


@cache
def _expected_schema() -> dict[tuple[str, str], tuple[str, str]]:
    return schema_of(TABLES_SQL)


def connect_to_migrated_copy(path: Path, connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return a read-only connection to a copy, in the current schema, of an open file of version 1.

    The copy has no name any more and vanishes with the connection.

    Raises:
        SchemaError: The file is damaged or was altered.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        _write_migrated(path, connection, copy)
        migrated = connect_existing(copy, "ro")
        migrated.execute("SELECT 1 FROM runs").fetchone()  # opens the file
        return migrated


def migrate(path: Path) -> None:
    """Replace a file of version 1 by one of the current schema, in one step.

    Raises:
        SchemaError: The file is damaged or was altered.
        sqlite3.OperationalError: Another process reads it.
    """
    with closing(connect_existing(path)) as connection:
        # Without WAL mode nothing beside the file belongs to it, which SQLite would apply to the new file.
        connection.execute("PRAGMA journal_mode = DELETE")
        with atomic_output(path, replace=True) as temporary:
            _write_migrated(path, connection, temporary)
            temporary.chmod(path.stat().st_mode)


def _write_migrated(path: Path, connection: sqlite3.Connection, target_path: Path) -> None:
    from aarlab.memory.migrations import create_schema  # here, because it imports sqlite-utils

    with damage_as_schema_error(path), closing(sqlite3.connect(target_path, isolation_level=None)) as target:
        target.execute("PRAGMA synchronous = OFF")  # `atomic_output` synchronises the file
        create_schema(target)
        run = connection.execute(f"SELECT {RUN_COLUMNS} FROM runs").fetchone()
        if run is None:
            raise SchemaError(f"{path} is damaged (it has no run)")
        log = LogWriter(target, path)
        log.insert_run(dict(zip(RUN_COLUMNS.split(", "), run, strict=True)))
        copy_log(VersionOneLog(connection), log)
