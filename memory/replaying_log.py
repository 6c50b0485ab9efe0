"""Resume, replay or fork a run: re-execute it against the events that its file has recorded.

The log is empty at first. Each appended event is compared with the recorded event at its position and then becomes
readable. Where the recording ends, a resumed or forked run appends new events and a replay raises EndOfTape.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Unpack

from aarlab.memory.events import Event, LogEntry
from aarlab.memory.file_lock import FileLock
from aarlab.memory.run_file_creation import NewRun, create_run_file
from aarlab.memory.run_file_errors import RunAlreadyFinished
from aarlab.memory.run_tape import Divergence, EndOfTape
from aarlab.memory.run_writer import EventRow, RunWriter, open_for_writing
from aarlab.memory.schema import open_read_only


class ReplayingLog(RunWriter):
    """A run file that compares its recorded events with the events of a re-execution."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: FileLock | None) -> None:
        """Wrap an open connection; use `resume`, `replay` or `fork` instead. Without a lock, nothing is written."""
        super().__init__(path, connection, lock)
        self.is_replay = lock is None
        self._replayed_count = 0
        self._pending_ids: list[tuple[int]] = []
        """Ids of replayed events that table `replayed` does not have yet; the next query adds them."""
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.executescript(
            """
            CREATE TEMP TABLE replayed (position INTEGER PRIMARY KEY, event INTEGER UNIQUE);
            CREATE TEMP VIEW log AS SELECT position AS id, stream, ordinal, round, hours, kind, data, at
                FROM replayed JOIN main.events ON main.events.id = event;
            """
        )

    @classmethod
    def resume(cls, path: Path, sandbox: str | None = None) -> "ReplayingLog":
        """Open a run file to re-execute what it has recorded and then continue the run.

        Args:
            path: The run file.
            sandbox: Sandbox mode from now on; the file keeps the mode `none` if it was ever used.

        Raises:
            FileNotFoundError: There is no such file.
            SchemaError: It is not a run file, or was written by another version of aarlab.
            FileLocked: Another process writes it.
            RunAlreadyFinished: The run is finished, perhaps since the caller looked: another process had the lock.
        """
        open_read_only(path).close()  # checks the schema
        lock = FileLock.acquire(path)
        with lock.release_on_error():
            connection = open_for_writing(path)
            status, summary = connection.execute("SELECT status, summary FROM runs").fetchone()
            if summary is not None:
                connection.close()
                raise RunAlreadyFinished.of(path, status)
            query = "UPDATE runs SET status = 'running', sandbox = iif(sandbox = 'none', sandbox, ifnull(?, sandbox))"
            connection.execute(query, (sandbox,))
            return ReplayingLog(path, connection, lock)

    @classmethod
    def replay(cls, path: Path) -> "ReplayingLog":
        """Open a run file to re-execute the run without writing; an event that is not recorded is a Divergence.

        Raises:
            FileNotFoundError: There is no such file.
            SchemaError: It is not a run file, or was written by another version of aarlab.
        """
        return ReplayingLog(path, open_read_only(path), None)

    @classmethod
    def fork(cls, path: Path, parent: Path, before_round: int, **run: Unpack[NewRun]) -> "ReplayingLog":
        """Create a run file with a parent's events before a round, and open it to re-execute them and continue.

        Raises:
            FileExistsError: The path exists.
            FileLocked: Another process creates the file.
            FileNotFoundError, SchemaError: The parent cannot be read.
        """
        lock = create_run_file(path, run, parent, before_round)
        with lock.release_on_error():
            return ReplayingLog(path, open_for_writing(path), lock)

    def _write(self, event: Event, row: EventRow) -> tuple[int, str]:
        """Compare an event with the recorded one, or write it where the recording ends; return its id and time.

        Raises:
            Divergence: Another event is recorded at its position.
            EndOfTape: No event is recorded there, and this is a replay.
        """
        id_, at = self._match_recorded(event, row) or self._write_new(event, row)
        self._pending_ids.append((id_,))
        self._replayed_count += 1
        return self._replayed_count, at

    def _match_recorded(self, event: Event, row: EventRow) -> tuple[int, str] | None:
        """Return id and time of the recorded event; None where the recording ends."""
        stream, ordinal, round_, *_ = row
        recorded_row = self.tape.row(stream, ordinal)
        if recorded_row is None:
            return None
        id_, *recorded, at = recorded_row
        if tuple(recorded) != row[2:]:
            recorded_entry, actual = self.tape.entry(stream, ordinal), LogEntry(0, *row[:4], event, "")
            contents = self._referenced_contents(recorded_entry, actual)
            raise Divergence(recorded_entry, stream, ordinal, round_, actual, contents)
        return id_, at

    def _write_new(self, event: Event, row: EventRow) -> tuple[int, str]:
        if self.is_replay:
            raise EndOfTape(*row[:3], LogEntry(0, *row[:4], event, ""))
        return super()._write(event, row)

    def _referenced_contents(self, *entries: LogEntry | None) -> dict[str, str]:
        """Return the texts and messages that events refer to, by hash."""
        values = {str(value) for entry in entries if entry for value in entry.event.to_json().values()}
        return {value: content for value in sorted(values) if (content := self._contents.content(value)) is not None}

    def next_unreplayed(self) -> LogEntry | None:
        """Return the first recorded event that has not been replayed; None if all have."""
        entries = (self.tape.entry(stream, self.next_ordinal(stream)) for stream in self.tape.streams)
        return min((entry for entry in entries if entry is not None), key=lambda entry: entry.id, default=None)

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Write all events of the block in one transaction. A replay writes nothing and needs no transaction."""
        if self.is_replay:
            yield
            return
        with super().atomic():
            yield

    def _select(self, columns: str, where: str, values: Sequence[str | int] = ()) -> sqlite3.Cursor:
        """Query the events that have been replayed or appended."""
        if self._pending_ids:
            self._connection.executemany("INSERT INTO replayed (event) VALUES (?)", self._pending_ids)
            self._pending_ids.clear()
        return self._connection.execute(f"SELECT {columns} FROM log WHERE {where}", values)
