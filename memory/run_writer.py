"""Write a run file: append events, store messages and texts, record the result."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from aarlab.memory.events import Event, LogEntry, Role
from aarlab.memory.file_lock import FileLock
from aarlab.memory.messages import Json, Message, canonical_json
from aarlab.memory.run_file_creation import NewRun, create_run_file, now
from aarlab.memory.run_info import Status
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_tape import RecordedCall, Tape
from aarlab.memory.schema import update_views

if TYPE_CHECKING:
    from sqlite_utils import Database

EventRow = tuple[str, int, int, float, str, str]
"""Stream, ordinal, round, hours, kind and JSON of an event."""


class RunWriter(RunReader):
    """A new run file, open for writing. Use it in the thread that opened it."""

    is_replay = False
    """Whether only events that are already recorded may be appended."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: FileLock | None) -> None:
        """Wrap an open connection; use `create` instead. Without a lock, nothing is written."""
        super().__init__(path, connection, writable=lock is not None)
        with self._damage_as_schema_error():
            self.tape = Tape(connection)
        """The events that the file had when it was opened."""
        self._lock = lock
        self._next_ordinal = dict.fromkeys(self.tape.streams, 0)
        self._listeners: list[Callable[[LogEntry], None]] = []

    @classmethod
    def create(cls, path: Path, **run: Unpack[NewRun]) -> "RunWriter":
        """Create a run file. Raises FileExistsError if the path exists, FileLocked if another process creates it."""
        lock = create_run_file(path, run)
        with lock.release_on_error():
            return RunWriter(path, open_for_writing(path), lock)

    def close(self) -> None:
        """Close the connection and release the lock. All appended events are already in the file."""
        super().close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def append(self, stream: str, event: Event, *, round: int, hours: float) -> LogEntry:
        """Write an event to its stream immediately, call the listeners with its entry, and return the entry."""
        ordinal, hours = self.next_ordinal(stream), _whole_microhours(hours)
        row = (stream, ordinal, round, hours, event.kind, canonical_json(event.to_json()))
        id_, at = self._write(event, row)
        self._next_ordinal[stream] = ordinal + 1
        entry = LogEntry(id_, stream, ordinal, round, hours, event, at)
        for listener in self._listeners:
            listener(entry)
        return entry

    def _write(self, event: Event, row: EventRow) -> tuple[int, str]:
        """Write an event, and return its id and time."""
        at = now()
        cursor = self._connection.execute(
            "INSERT INTO events (stream, ordinal, round, hours, kind, data, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*row, at),
        )
        return cursor.lastrowid or 0, at

    def next_ordinal(self, stream: str) -> int:
        """Return the ordinal of the stream's next event."""
        return self._next_ordinal.get(stream, 0)

    def recorded_call(self, stream: str, round: int, role: Role) -> RecordedCall:
        """Return what the tape has of the next model call in a stream.

        Raises:
            Divergence: The tape has another event there.
        """
        return self.tape.call(stream, self.next_ordinal(stream), round, role)

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Write all events of the block in one transaction: either all become visible, or none."""
        with self._database.atomic():
            yield

    @cached_property
    def _database(self) -> "Database":
        from sqlite_utils import Database

        return Database(self._connection)

    def store_message(self, message: Message) -> str:
        """Store a message if it is new, and return its hash."""
        return self._contents.store_message(message)

    def store_text(self, text: str) -> str:
        """Store a text if it is new, and return its hash."""
        return self._contents.store_text(text)

    def finish(self, status: Status, summary: Json = None) -> None:
        """Record the final status, and the summary if the run was scored."""
        self._connection.execute(
            "UPDATE runs SET status = ?, summary = ?", (status, None if summary is None else canonical_json(summary))
        )
        # Without WAL mode, the run is one file again. The change fails while another process reads the file.
        with suppress(sqlite3.OperationalError):
            self._connection.execute("PRAGMA journal_mode = DELETE")

    def on_event(self, listener: Callable[[LogEntry], None]) -> None:
        """Call `listener` with every entry appended from now on."""
        self._listeners.append(listener)


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Return a connection in WAL mode, so that others can read while the run is written, with views up to date."""
    connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA journal_mode = WAL")
    # With NORMAL, a crash of the process loses nothing, and a crash of the machine can lose the last events. FULL is
    # ten times slower.
    connection.execute("PRAGMA synchronous = NORMAL")
    update_views(connection)
    return connection


def _whole_microhours(hours: float) -> float:
    # Floating-point sums differ in their last digits. All costs are much larger than a microhour.
    return round(hours, 6)
