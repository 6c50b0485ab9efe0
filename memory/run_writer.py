"""Write a run file: append events, store messages and texts, record the result."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Unpack

from aarlab.memory.content_store import StoredContent
from aarlab.memory.events import Event, LogEntry, Role
from aarlab.memory.file_lock import FileLock
from aarlab.memory.instruction_rows import Instruction, insert_instruction
from aarlab.memory.messages import Json, Message, canonical_json
from aarlab.memory.packing import is_packed, unpack_contents
from aarlab.memory.row_format import time_text
from aarlab.memory.row_writer import PendingRow, RowWriter
from aarlab.memory.run_file_creation import NewRun, create_run_file
from aarlab.memory.run_info import Status
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_tape import RecordedCall, Tape
from aarlab.memory.schema import connect_existing, update_views


class RunWriter(RunReader):
    """A new run file, open for writing. Use it in the thread that opened it."""

    is_replay = False
    """Whether only events that are already recorded may be appended."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: FileLock | None) -> None:
        """Wrap an open connection; use `create` instead. Without a lock, nothing is written."""
        super().__init__(path, connection, writable=lock is not None)
        with self._damage_as_schema_error():
            self.tape = Tape(self.recorded())
        """The events that the file had when it was opened."""
        self._lock = lock
        self._next_ordinal = dict.fromkeys(self.tape.streams, 0)
        self._listeners: list[Callable[[LogEntry], None]] = []
        self._row_writer = RowWriter(connection, self._contents, self._format)

    @classmethod
    def create(cls, path: Path, **run: Unpack[NewRun]) -> "RunWriter":
        """Create a run file. Raises FileExistsError if the path exists, FileLocked if another process creates it."""
        lock = create_run_file(path, run)
        with lock.release_on_error():
            return RunWriter(path, open_for_writing(path), lock)

    def close(self) -> None:
        """Write what was appended last, close the connection and release the lock."""
        try:
            if self._lock is not None:
                self._row_writer.flush()
        finally:
            super().close()
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    def append(self, stream: str, event: Event, *, round: int, hours: float) -> LogEntry:
        """Append an event to its stream, call the listeners with its entry, and return the entry.

        The events of a step are written together: at the latest when its coroutine waits, or another step starts.
        """
        entry = self._write(stream, self.next_ordinal(stream), event, round=round, hours=_whole_microhours(hours))
        self._next_ordinal[stream] = entry.ordinal + 1
        for listener in self._listeners:
            listener(entry)
        return entry

    def _write(self, stream: str, ordinal: int, event: Event, *, round: int, hours: float) -> LogEntry:
        """Write an event, and return its entry."""
        row, place = self._add(stream, ordinal, event, round=round, hours=hours)
        return LogEntry(row.id + place, stream, ordinal, round, hours, event, time_text(row.at))

    def _add(self, stream: str, ordinal: int, event: Event, *, round: int, hours: float) -> tuple[PendingRow, int]:
        """Add an event to the row of its step, and see to it that the row is written."""
        row, place = self._row_writer.add(stream, ordinal, event, round=round, hours=hours)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            if not self._connection.in_transaction:
                self._row_writer.flush()
        else:
            if place == 0:
                loop.call_soon(self._flush_soon)
        return row, place

    def _flush_soon(self) -> None:
        # If it fails, the next event, or `close`, tries again and raises the error.
        with suppress(sqlite3.Error):
            self._row_writer.flush()

    def contents(self) -> Iterator[StoredContent]:
        """Iterate over the messages and texts, in the order in which they were stored."""
        self._row_writer.flush()
        yield from super().contents()

    def _execute(self, query: str, parameters: Sequence[int | str], kinds: Sequence[str]) -> sqlite3.Cursor:
        row = self._row_writer.pending
        if row is not None and (not kinds or not row.names.isdisjoint(kinds)):
            self._row_writer.flush()
        return super()._execute(query, parameters, kinds)

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
        with self._row_writer.atomic():
            yield

    def store_message(self, message: Message) -> str:
        """Store a message if it is new, and return its hash."""
        return self._contents.store_message(message)

    def store_text(self, text: str) -> str:
        """Store a text if it is new, and return its hash."""
        return self._contents.store_text(text)

    def add_instruction(self, instruction: Instruction) -> bool:
        """Write an instruction as another process would; return False if its question already has an answer."""
        return insert_instruction(self._connection, instruction)

    def finish(self, status: Status, summary: Json = None) -> None:
        """Record the final status, and the summary if the run was scored."""
        self._row_writer.flush()
        self._connection.execute(
            "UPDATE runs SET status = ?, summary = ?", (status, None if summary is None else canonical_json(summary))
        )
        # The change fails while another process reads the file.
        with suppress(sqlite3.OperationalError):
            self.use_single_file()

    def use_single_file(self) -> None:
        """End WAL mode, so that the run is one file. Raises OperationalError while another process reads it."""
        self._row_writer.flush()
        self._connection.execute("PRAGMA journal_mode = DELETE")

    def continue_stream(self, stream: str) -> None:
        """Append the next event of a stream after those that are recorded, which nothing re-executes."""
        self._next_ordinal[stream] = self.stream_lengths().get(stream, 0)

    def on_event(self, listener: Callable[[LogEntry], None]) -> None:
        """Call `listener` with every entry appended from now on."""
        self._listeners.append(listener)


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Return a connection in WAL mode, so that others can read while the run is written.

    Views are brought up to date, and a packed file is unpacked.
    """
    connection = connect_existing(path)
    connection.execute("PRAGMA journal_mode = WAL")
    # With NORMAL, a crash of the process loses nothing, and a crash of the machine can lose the last events. FULL is
    # ten times slower.
    connection.execute("PRAGMA synchronous = NORMAL")
    if is_packed(connection):
        unpack_contents(connection)
    update_views(connection)
    return connection


def _whole_microhours(hours: float) -> float:
    # Floating-point sums differ in their last digits. All costs are much larger than a microhour.
    return round(hours, 6)
