"""Values that were computed from run files, kept in the user's cache until a file changes.

To verify the digest of a long run takes seconds, and a report reads the events of every run. A value is kept for a file
of the same path, inode, size and times of change, and for the same code. A value of a file that may be changed without
a change of these, because it is new or being written, is not kept. Values contain no secrets, and only this user can
read the cache.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import aarlab
from aarlab import __version__
from aarlab.memory.run_file_errors import ALTERED, AlteredRun
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios.cache_folder import cache_folder

Json = Any
_MIN_AGE_S = 2.0
"""Age of a file from which its times tell of every later change, on any file system."""
_MAX_VALUES = 20_000
_MAX_VERIFIED_AT_ONCE = 20_000
"""Events whose digest takes a fraction of a second."""
_FOLDERS = ("memory", "ablation", "cli", "tools/evaluator")
"""Folders of the package with the code that computes values."""
_TABLE = "CREATE TABLE IF NOT EXISTS run_files (path TEXT, kind TEXT, state TEXT, value TEXT, PRIMARY KEY (path, kind))"


def kept_value(path: Path, kind: str, compute: Callable[[], Json]) -> Json:
    """Return a value of a run file: the kept one, or what `compute` returns, as JSON. Raises what `compute` raises.

    Args:
        path: The run file.
        kind: Name of the value.
        compute: Computes it from the file; if it returns None, nothing is kept.
    """
    path = path.resolve()
    if (state := _state(path)) is None:
        return compute()
    connection = _connection(cache_folder(), threading.get_ident())
    with suppress(sqlite3.Error, ValueError):
        query = "SELECT value FROM run_files WHERE path = ? AND kind = ? AND state = ?"
        for (value,) in connection.execute(query, (str(path), kind, state)):
            return json.loads(value)
    value = compute()
    if value is not None and _state(path) == state:
        with suppress(sqlite3.Error):
            row = (str(path), kind, state, json.dumps(value))
            connection.execute("INSERT OR REPLACE INTO run_files VALUES (?, ?, ?, ?)", row)
            oldest = "DELETE FROM run_files WHERE rowid <= (SELECT max(rowid) FROM run_files) - ?"
            connection.execute(oldest, (_MAX_VALUES,))
    return value


def is_altered(file: RunReader) -> bool:
    """Return whether a run was altered after it was scored, as `RunReader.is_altered` does."""
    return bool(kept_value(file.path, "altered", file.is_altered))


def altered_or_unknown(file: RunReader) -> bool | None:
    """Return what `is_altered` does; None if that would take seconds: the run is long and was not verified before."""
    if file.info().summary is None or file.last_id() <= _MAX_VERIFIED_AT_ONCE:
        return is_altered(file)
    altered: bool | None = kept_value(file.path, "altered", lambda: file.is_altered(events=False) or None)
    return altered


def require_unaltered(file: RunReader) -> None:
    """Raise AlteredRun if `is_altered`."""
    if is_altered(file):
        raise AlteredRun(f"{file.path} {ALTERED}")


def _state(path: Path) -> str | None:
    """Return a text that differs after each change of a file or of the code; None if a change might be missed."""
    try:
        status = path.stat()
    except OSError:
        return None
    if time.time() - status.st_ctime < _MIN_AGE_S or any(
        path.with_name(path.name + suffix).exists() for suffix in ("-wal", "-journal")
    ):
        return None
    numbers = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return f"{' '.join(map(str, numbers))} {_code_version()}"


@cache
def _code_version() -> str:
    """Return the version of aarlab and a hash of the sizes and times of the sources that read run files."""
    package = Path(aarlab.__file__).parent
    sources = [source for folder in _FOLDERS for source in (package / folder).rglob("*.py")]
    states = sorted((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sources)
    return f"{__version__} {blake2b(repr(states).encode(), digest_size=8).hexdigest()}"


@cache
def _connection(folder: Path, thread: int) -> sqlite3.Connection:
    """Return a thread's connection to the cache; one in memory if the folder cannot be used."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "run-files.db"
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # values lost in a crash are computed again
        connection.execute(_TABLE)
    except (OSError, sqlite3.Error):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.execute(_TABLE)
    return connection
