"""Pack a run file for the archive, and unpack it again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from aarlab.memory.file_lock import FileLock
from aarlab.memory.packing import is_packed, pack_contents, unpack_contents
from aarlab.memory.run_file_errors import damage_as_schema_error
from aarlab.memory.schema import connect_existing, connect_read_only, require_schema
from aarlab.memory.version_one import migrate


def pack_file(path: Path) -> bool:
    """Compress the messages and texts of a run file. Return False if it is packed already.

    A packed file is read like any other. It is unpacked when it is written: by `resume`.

    Raises:
        FileNotFoundError, SchemaError: The file cannot be read.
        FileLocked: Another process writes it.
    """
    with _exclusive(path) as connection:
        if is_packed(connection):
            return False
        pack_contents(connection)
        connection.execute("VACUUM")
        return True


def unpack_file(path: Path) -> bool:
    """Decompress the messages and texts of a run file. Return False if it is not packed. Raises as `pack_file` does."""
    with _exclusive(path) as connection:
        if not is_packed(connection):
            return False
        with damage_as_schema_error(path, writable=True):
            unpack_contents(connection)
        connection.execute("VACUUM")
        return True


@contextmanager
def _exclusive(path: Path) -> Iterator[sqlite3.Connection]:
    """Lock a run file and open it for writing, in the current schema."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    lock = FileLock.acquire(path)
    try:
        with closing(connect_read_only(path)) as connection:
            version = require_schema(path, connection)
        if version == 1:
            migrate(path)
        with closing(connect_existing(path)) as connection:
            yield connection
    finally:
        lock.release()
