"""Check that a file is a run file of this schema, and create the SQL views of its events.

Reading needs no sqlite-utils, which takes a quarter of a second to import; `migrations` creates the tables.
"""

import dataclasses
import sqlite3
from contextlib import closing
from pathlib import Path

from aarlab.memory.events import EVENT_CLASS_BY_KIND, Event
from aarlab.memory.run_file_errors import SchemaError

SCHEMA_VERSION = 1
"""Number of migrations of a run file that this version of aarlab reads and writes."""
MIGRATION_SET = "aarlab run file"


def open_read_only(path: Path) -> sqlite3.Connection:
    """Return a read-only connection to a run file.

    Raises:
        FileNotFoundError: There is no such file.
        SchemaError: It is not a run file, or has another schema version.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30.0, isolation_level=None)
    try:
        _require_schema(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


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


def _schema_version(connection: sqlite3.Connection) -> int:
    query = "SELECT count(*) FROM _sqlite_migrations WHERE migration_set = ?"
    return int(connection.execute(query, (MIGRATION_SET,)).fetchone()[0])


def _writing_version(connection: sqlite3.Connection) -> str:
    """Return the version of aarlab that wrote a file of another schema."""
    try:
        return f"aarlab {connection.execute('SELECT aarlab_version FROM runs').fetchone()[0]}"
    except (sqlite3.DatabaseError, TypeError):
        return "another aarlab"
