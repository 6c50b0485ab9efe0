"""Check that a file is a run file of this schema, and create the SQL views of its events.

Reading needs no sqlite-utils, which takes a quarter of a second to import; `migrations` creates the tables.
"""

import dataclasses
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

from aarlab.memory.events import EVENT_CLASS_BY_KIND, Event
from aarlab.memory.run_file_errors import SchemaError

SCHEMA_VERSION = 1
"""Number of migrations of a run file that this version of aarlab reads and writes."""
MIGRATION_SET = "aarlab run file"
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
"""The tables, index and triggers of a run file."""
EVENT_TRIGGERS = frozenset({"events_reject_updates", "events_reject_deletes"})
_VIEW = re.compile(
    r"CREATE VIEW (\w+) AS SELECT id AS event, stream, ordinal, round, hours, "
    r"(?:json_extract\(data, '\$\.(\w+)'\) AS \2, )*at FROM events WHERE kind = '\1'"
)
"""The form of a view; earlier versions of aarlab had other fields."""
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_ANY_READ = "SELECT 1 FROM sqlite_master LIMIT 1"
"""A query that makes SQLite read the file, and roll back an unfinished transaction."""
_QUERY_STEPS, _STEPS_PER_BYTE, _STEPS_PER_CALL = 200_000_000, 100, 1_000_000
"""Bound of one query in steps of SQLite: a constant, and an amount for each byte of the file."""


def open_read_only(path: Path) -> sqlite3.Connection:
    """Return a read-only connection to a run file.

    Raises:
        FileNotFoundError: There is no such file.
        SchemaError: It is not a run file, or has another schema version.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    connection = connect_read_only(path)
    try:
        _require_schema(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Return a read-only connection without any check of the tables.

    A transaction that a killed process left unfinished is rolled back first, which a read-only connection cannot do.
    The schema of the file cannot call functions with side effects, and a query that takes far more steps than the size
    of the file explains ends with sqlite3.OperationalError.

    Raises:
        SchemaError: The journal beside the file is not one of aarlab.
    """
    path = path.resolve()  # SQLite looks for the journal beside the file itself, not beside a link
    _require_own_journal(path)
    connection = _connect(path, "ro")
    if _has_unfinished_transaction(connection):
        with closing(_connect(path, "rw")) as writable, suppress(sqlite3.Error):
            writable.execute(_ANY_READ)
    calls = 0

    def begin_query(query: str) -> None:
        nonlocal calls
        calls = 0

    def exceeds_bound() -> bool:
        nonlocal calls
        calls += 1
        steps = calls * _STEPS_PER_CALL
        return steps > _QUERY_STEPS and steps > _QUERY_STEPS + _STEPS_PER_BYTE * path.stat().st_size

    connection.set_trace_callback(begin_query)
    connection.set_progress_handler(exceeds_bound, _STEPS_PER_CALL)
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=30.0, isolation_level=None)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _require_own_journal(path: Path) -> None:
    """Raise SchemaError if the journal beside a file belongs to a transaction over several files.

    aarlab makes none. Such a journal ends with the name of a file, which SQLite deletes after the rollback, and with
    this magic number.
    """
    journal = path.with_name(f"{path.name}-journal")
    with suppress(OSError), journal.open("rb") as file:  # there is no journal, or it is too short
        file.seek(-len(_JOURNAL_MAGIC), os.SEEK_END)
        if file.read() == _JOURNAL_MAGIC:
            raise SchemaError(f"the journal beside {path} names another file, which SQLite would delete: remove it")


def _has_unfinished_transaction(connection: sqlite3.Connection) -> bool:
    """Return whether a rollback journal must be applied before the file can be read."""
    try:
        connection.execute(_ANY_READ).fetchone()
    except sqlite3.Error as error:
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY_ROLLBACK
    return False


def schema_faults(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield what a run file has besides the tables, views, triggers and indexes of aarlab, or in place of them."""
    expected = _expected_schema()
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    found = {(kind, name): (table, sql) for kind, name, table, sql in connection.execute(query)}
    for (kind, name), (table, sql) in found.items():
        if kind == "view" and (match := _VIEW.fullmatch(sql or "")) is not None and match[1] == name:
            continue
        # sqlite-utils makes the table of the applied migrations.
        if table == "_sqlite_migrations" and str(sql).startswith(("CREATE TABLE", "CREATE UNIQUE INDEX")):
            continue
        if expected.get((kind, name)) != (table, sql):
            yield f"its {kind} {name!r} is not one that aarlab creates"
    yield from (f"it has no table {name!r}" for kind, name in expected if kind == "table" and (kind, name) not in found)


@cache
def _expected_schema() -> dict[tuple[str, str], tuple[str, str]]:
    """Return the table and the SQL of each table, trigger and index, by type and name."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(TABLES_SQL)
        rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {(kind, name): (table, sql) for kind, name, table, sql in rows}


def run_started_at(path: Path) -> str:
    """Return when the run of a file was created, ISO 8601, UTC. Raises the errors of `open_read_only`."""
    with closing(open_read_only(path)) as connection:
        try:
            return str(connection.execute("SELECT created_at FROM runs").fetchone()[0])
        except (sqlite3.DatabaseError, TypeError) as error:
            raise SchemaError(f"{path} is damaged ({error})") from None


def update_views(connection: sqlite3.Connection) -> None:
    """Create the view of each event kind, or recreate it if its stored definition differs from the current one."""
    stored = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'"))
    definitions = {kind: view_sql(event) for kind, event in EVENT_CLASS_BY_KIND.items()}
    changed = {kind: sql for kind, sql in definitions.items() if stored.get(kind) != sql}
    if not changed:
        return
    connection.execute("BEGIN IMMEDIATE")
    for kind, sql in changed.items():
        connection.execute(f"DROP VIEW IF EXISTS {kind}")
        connection.execute(sql)
    connection.execute("COMMIT")


def view_sql(event: type[Event]) -> str:
    """Return the SQL of the view that shows one kind of event with a column for each of its fields."""
    fields = ", ".join(f"json_extract(data, '$.{field.name}') AS {field.name}" for field in dataclasses.fields(event))
    return (
        f"CREATE VIEW {event.kind} AS SELECT id AS event, stream, ordinal, round, hours, {fields}, at "
        f"FROM events WHERE kind = '{event.kind}'"
    )


def _require_schema(path: Path, connection: sqlite3.Connection) -> None:
    """Raise SchemaError unless the file is a run file of this schema version."""
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"runs", "events"} <= tables:
            raise SchemaError(f"{path} is not a run file (it has no tables 'runs' and 'events')")
        version = _schema_version(connection) if "_sqlite_migrations" in tables else 0
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        # The error quotes the damaged schema, which may not be valid UTF-8.
        raise SchemaError(f"{path} is not a run file ({error})") from None
    if version != SCHEMA_VERSION:
        raise SchemaError(
            f"{path} has schema version {version}, written by {_writing_version(connection)}; this aarlab reads schema "
            f"version {SCHEMA_VERSION} only. Open the file with the aarlab that wrote it, or run the scenario again"
        )
    try:
        fault = next(schema_faults(connection), None)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise SchemaError(f"{path} is damaged ({error})") from None
    if fault is not None:
        raise SchemaError(f"{path} was altered: {fault}. Do not open it with other programs if it is not your own")


def _schema_version(connection: sqlite3.Connection) -> int:
    query = "SELECT count(*) FROM _sqlite_migrations WHERE migration_set = ?"
    return int(connection.execute(query, (MIGRATION_SET,)).fetchone()[0])


def _writing_version(connection: sqlite3.Connection) -> str:
    """Return the version of aarlab that wrote a file of another schema."""
    try:
        return f"aarlab {connection.execute('SELECT aarlab_version FROM runs').fetchone()[0]}"
    except (sqlite3.DatabaseError, TypeError):
        return "another aarlab"
