"""Run files of other versions: which schema a file has, and how an earlier one is brought to the present one."""

import sqlite3
from contextlib import closing
from pathlib import Path

from aarlab.memory.file_lock import FileLock
from aarlab.memory.migrations import MIGRATIONS, migrate, schema_version
from aarlab.memory.run_file_errors import SchemaError


def open_read_only(path: Path) -> sqlite3.Connection:
    """Return a connection for reading. Raises FileNotFoundError if there is no such file."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30.0, isolation_level=None)


def checked_schema_version(path: Path, connection: sqlite3.Connection) -> int:
    """Return the schema version of a run file. Raises SchemaError if it is none, or of a newer aarlab."""
    try:
        query = "SELECT count(*) FROM sqlite_master WHERE name IN ('runs', 'events')"
        known = connection.execute(query).fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise SchemaError(f"{path} is not a run file ({error})") from None
    if known != 2:
        raise SchemaError(f"{path} is not a run file (it has no tables 'runs' and 'events')")
    return schema_version(connection)


def migrated_copy(path: Path, connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return a copy with the present schema, gone when it is closed; the connection to the file is closed."""
    from sqlite_utils import Database

    copy = sqlite3.connect("", isolation_level=None)
    try:
        with closing(connection):
            connection.backup(copy)
        migrate(Database(copy))
    except sqlite3.DatabaseError as error:
        copy.close()
        raise SchemaError(f"{path} is damaged ({error})") from None
    return copy


def run_started_at(path: Path) -> str:
    """Return when the run of a file began, ISO 8601, UTC.

    Raises:
        FileNotFoundError: There is no such file.
        SchemaError: It is not a run file, or was written by a newer aarlab.
    """
    # Asked of whole folders: what is of an earlier schema is not brought up for this.
    with closing(open_read_only(path)) as connection:
        checked_schema_version(path, connection)
        try:
            return str(connection.execute("SELECT created_at FROM runs").fetchone()[0])
        except (sqlite3.DatabaseError, TypeError) as error:
            raise SchemaError(f"{path} is damaged ({error})") from None


def migrate_file(path: Path) -> Path | None:
    """Bring a run file of an earlier aarlab to the present schema, and return where it is kept as it was.

    None: it had the present schema already, and is not touched.

    Raises:
        FileNotFoundError: There is no such file.
        SchemaError: It is not a run file, or was written by a newer aarlab.
        Busy: A process is at work on it.
        FileExistsError: There is something else where it would be kept.
    """
    from sqlite_utils import Database

    lock = FileLock.acquire(path)
    try:
        with closing(open_read_only(path)) as connection:
            version = checked_schema_version(path, connection)
        if version == len(MIGRATIONS):
            return None
        backup_path = path.with_name(f"{path.name}.schema{version}")
        if backup_path.exists():
            raise FileExistsError(f"{backup_path} exists already")
        with closing(sqlite3.connect(path, timeout=30.0, isolation_level=None)) as connection:
            with closing(sqlite3.connect(backup_path)) as copy:
                connection.backup(copy)
            migrate(Database(connection))
        return backup_path
    finally:
        lock.release()
