"""Open a run file, after a check that it is one and has nothing besides the tables and views of aarlab.

Reading needs no sqlite-utils, which takes a quarter of a second to import; `migrations` creates the tables.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import Literal

from aarlab.memory.run_file_errors import NotARunFile, SchemaError
from aarlab.memory.schema_sql import SCHEMA_VERSION, TABLES_SQL, is_event_view, view_definitions

MIGRATION_SET = "aarlab run file"
_MIGRATIONS_TABLE = "_sqlite_migrations"
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_ANY_READ = "SELECT 1 FROM sqlite_master LIMIT 1"
"""A query that makes SQLite read the file, and roll back an unfinished transaction."""
WAIT_S = 30.0
"""Seconds to wait for a file that another process has locked."""
_QUERY_STEPS, _STEPS_PER_BYTE, _STEPS_PER_CALL = 200_000_000, 100, 1_000_000
"""Bound of one query in steps of SQLite: a constant, and an amount for each byte of the file."""


def open_read_only(path: Path, wait_s: float = WAIT_S) -> sqlite3.Connection:
    """Return a read-only connection to a run file; to a copy of this schema version if the file has version 1.

    Args:
        path: The file.
        wait_s: Seconds that each query waits for a file that another process has locked.

    Raises:
        FileNotFoundError: There is no such file.
        SchemaError: It is not a run file, or has another schema version.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    connection = connect_read_only(path, wait_s)
    try:
        version = require_schema(path, connection)
    except BaseException:
        connection.close()
        raise
    if version == SCHEMA_VERSION:
        return connection
    from aarlab.memory.version_one import connect_to_migrated_copy

    with closing(connection):
        return bounded(connect_to_migrated_copy(path, connection), path)


def connect_read_only(path: Path, wait_s: float = WAIT_S) -> sqlite3.Connection:
    """Return a read-only connection without any check of the tables.

    A transaction that a killed process left unfinished is rolled back first, which a read-only connection cannot do. On
    a read-only file system a copy is read.
    The schema of the file cannot call functions with side effects, and a query that takes far more steps than the size
    of the file explains ends with sqlite3.OperationalError.

    Raises:
        SchemaError: The journal beside the file is not one of aarlab.
    """
    connection = connect_existing(path, "ro", wait_s)
    if _cannot_be_read(connection):
        with suppress(sqlite3.Error), closing(connect_existing(path)) as writable:
            writable.execute(_ANY_READ)
    if _cannot_be_read(connection):
        with suppress(OSError, sqlite3.Error):
            copied = _connect_to_copy(path)
            connection.close()
            connection = copied
    return bounded(connection, path)


def bounded(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """Return a connection after a bound was set for its queries, which depends on the size of the file."""
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


def connect_existing(path: Path, mode: Literal["ro", "rw"] = "rw", wait_s: float = WAIT_S) -> sqlite3.Connection:
    """Return a connection to an existing run file, which runs no functions of its schema with side effects.

    Raises:
        SchemaError: The journal beside the file is not one of aarlab.
    """
    path = path.resolve()  # SQLite looks for the journal beside the file itself, not beside a link
    if mode == "rw":
        require_own_journal(path)
    connection = sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=wait_s, isolation_level=None)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def require_own_journal(path: Path) -> None:
    """Raise SchemaError if the journal beside a file belongs to a transaction over several files.

    aarlab makes none. Such a journal ends with the name of a file, which SQLite deletes after the rollback, and with
    this magic number.
    """
    journal = path.with_name(f"{path.name}-journal")
    with suppress(OSError), journal.open("rb") as file:  # there is no journal, or it is too short
        file.seek(-len(_JOURNAL_MAGIC), os.SEEK_END)
        if file.read() == _JOURNAL_MAGIC:
            raise SchemaError(f"the journal beside {path} names another file, which SQLite would delete: remove it")


def _cannot_be_read(connection: sqlite3.Connection) -> bool:
    """Return whether reading needs the right to write: to apply a journal, or to create files beside the run file."""
    try:
        connection.execute(_ANY_READ).fetchone()
    except sqlite3.Error as error:
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
    return False


def _connect_to_copy(path: Path) -> sqlite3.Connection:
    """Return a read-only connection to a copy of a run file in which unfinished transactions are rolled back.

    The copy has no name any more and vanishes with the connection.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        for suffix in ("", "-wal", "-journal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(path.with_name(path.name + suffix), copy.with_name(copy.name + suffix))
        with closing(connect_existing(copy)) as writable:
            writable.execute("PRAGMA journal_mode = DELETE")
        connection = connect_existing(copy, "ro")
        connection.execute(_ANY_READ)
        return connection


def schema_faults(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield what a run file has besides the tables, views, triggers and indexes of aarlab, or in place of them."""
    expected = _expected_schema()
    found = dict(schema_objects(connection))
    for (kind, name), (table, sql) in found.items():
        if kind == "view":
            known = any(view_definitions(packed=packed).get(name) == sql for packed in (False, True))
            if known or is_event_view(name, sql):
                continue
        if expected.get((kind, name)) != (table, sql):
            yield f"its {kind} {name!r} is not one that aarlab creates"
    yield from (f"it has no table {name!r}" for kind, name in expected if kind == "table" and (kind, name) not in found)


def schema_objects(connection: sqlite3.Connection) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Yield type and name, and table and SQL, of everything in a schema besides what SQLite and sqlite-utils made."""
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    for kind, name, table, sql in connection.execute(query):
        if table != _MIGRATIONS_TABLE or not str(sql).startswith(("CREATE TABLE", "CREATE UNIQUE INDEX")):
            yield (kind, name), (table, sql or "")


@cache
def _expected_schema() -> dict[tuple[str, str], tuple[str, str]]:
    """Return the table and the SQL of each table, trigger and index, by type and name."""
    return schema_of(TABLES_SQL)


def schema_of(script: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Return the table and the SQL of everything that a script creates, by type and name."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(script)
        return dict(schema_objects(connection))


def run_started_at(path: Path) -> str:
    """Return when the run of a file was created, ISO 8601, UTC. Raises the errors of `open_read_only`."""
    with closing(open_read_only(path)) as connection:
        try:
            return str(connection.execute("SELECT created_at FROM runs").fetchone()[0])
        except (sqlite3.DatabaseError, TypeError) as error:
            raise SchemaError(f"{path} is damaged ({error})") from None


def update_views(connection: sqlite3.Connection, *, packed: bool = False) -> None:
    """Create the views, or recreate those whose stored definition differs from the current one."""
    stored = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'"))
    changed = {name: sql for name, sql in view_definitions(packed=packed).items() if stored.get(name) != sql}
    if not changed:
        return
    is_own_transaction = not connection.in_transaction
    if is_own_transaction:
        connection.execute("BEGIN IMMEDIATE")
    for name, sql in changed.items():
        connection.execute(f"DROP VIEW IF EXISTS {name}")
        connection.execute(sql)
    if is_own_transaction:
        connection.execute("COMMIT")


def require_schema(path: Path, connection: sqlite3.Connection) -> int:
    """Return the schema version of a run file. Raises SchemaError if this aarlab cannot read it."""
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not ({"runs", "log"} <= tables or {"runs", "events"} <= tables):
            raise NotARunFile(f"{path} is not a run file (it has no tables 'runs' and 'log')")
        is_version_one = "events" in tables
        version = _schema_version(connection) if _MIGRATIONS_TABLE in tables else 0
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        # The error quotes the damaged schema, which may not be valid UTF-8.
        is_sqlite = getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_NOTADB
        raise (SchemaError if is_sqlite else NotARunFile)(f"{path} is not a run file ({error})") from None
    if version != (1 if is_version_one else SCHEMA_VERSION):
        raise SchemaError(
            f"{path} has schema version {version}, written by {_writing_version(connection)}; this aarlab reads schema "
            f"versions 1 and {SCHEMA_VERSION}. Open the file with the aarlab that wrote it, or run the scenario again"
        )
    try:
        fault = next(_faults_of_version(version, connection), None)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise SchemaError(f"{path} is damaged ({error})") from None
    if fault is not None:
        raise SchemaError(f"{path} was altered: {fault}. Do not open it with other programs if it is not your own")
    return version


def _faults_of_version(version: int, connection: sqlite3.Connection) -> Iterator[str]:
    if version == SCHEMA_VERSION:
        return schema_faults(connection)
    from aarlab.memory import version_one

    return version_one.schema_faults(connection)


def _schema_version(connection: sqlite3.Connection) -> int:
    """Return the number of the newest migration, whose name is such as m002_compact_log."""
    query = f"SELECT max(CAST(substr(name, 2, 3) AS INTEGER)) FROM {_MIGRATIONS_TABLE} WHERE migration_set = ?"
    return int(connection.execute(query, (MIGRATION_SET,)).fetchone()[0] or 0)


def _writing_version(connection: sqlite3.Connection) -> str:
    """Return the version of aarlab that wrote a file of another schema."""
    try:
        return f"aarlab {connection.execute('SELECT aarlab_version FROM runs').fetchone()[0]}"
    except (sqlite3.DatabaseError, TypeError):
        return "another aarlab"
