"""Resume, replay or fork a run: re-execute it against the events that its file has recorded.

The log is empty at first. Each appended event is compared with the recorded event at its position and then becomes
readable. Where the recording ends, a resumed or forked run appends new events and a replay raises EndOfTape.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Unpack

from aarlab.memory.events import EVENT_CLASS_BY_KIND, Event, LogEntry
from aarlab.memory.file_lock import FileLock
from aarlab.memory.messages import Json, canonical_json
from aarlab.memory.row_format import time_text
from aarlab.memory.run_copying import Edit
from aarlab.memory.run_file_creation import NewRun, create_run_file
from aarlab.memory.run_file_errors import RunAlreadyFinished, damage_as_schema_error
from aarlab.memory.run_tape import Divergence, EndOfTape
from aarlab.memory.run_writer import RunWriter, open_for_writing
from aarlab.memory.schema import connect_read_only, open_read_only, require_schema
from aarlab.memory.version_one import migrate


class ReplayingLog(RunWriter):
    """A run file that compares its recorded events with the events of a re-execution."""

    _rows = "replayed JOIN log ON log.id = row"
    _row_columns = "position - place, stream, ordinal, round, at, log.layout, data, place"
    _event_id = "position"

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: FileLock | None) -> None:
        """Wrap an open connection; use `resume`, `replay` or `fork` instead. Without a lock, nothing is written."""
        super().__init__(path, connection, lock)
        self.is_replay = lock is None
        self._replayed_count = 0
        self._pending: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        """By kind, the replayed events that table `replayed` does not have yet: position, id of the row, place in it.

        A query adds those of its kinds. Most kinds are never queried.
        """
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("CREATE TEMP TABLE replayed (position INTEGER PRIMARY KEY, row INTEGER, place INTEGER)")

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
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
        with closing(connect_read_only(path)) as connection:
            require_schema(path, connection)
        lock = FileLock.acquire(path)
        with lock.release_on_error():
            with closing(connect_read_only(path)) as connection:
                version = require_schema(path, connection)
                with damage_as_schema_error(path):
                    status, summary = connection.execute("SELECT status, summary FROM runs").fetchone()
            if summary is not None:
                raise RunAlreadyFinished.of(path, status)
            if version == 1:
                migrate(path)
            connection = open_for_writing(path)
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
    def fork(
        cls, path: Path, parent: Path, before_round: int, edit: Edit | None = None, **run: Unpack[NewRun]
    ) -> "ReplayingLog":
        """Create a run file with a parent's events before a round, and open it to re-execute them and continue.

        With an edited message, the events before it are copied instead.

        Raises:
            FileExistsError: The path exists.
            FileLocked: Another process creates the file.
            FileNotFoundError, SchemaError: The parent cannot be read.
        """
        lock = create_run_file(path, run, parent, before_round, edit)
        with lock.release_on_error():
            return ReplayingLog(path, open_for_writing(path), lock)

    def _write(self, stream: str, ordinal: int, event: Event, *, round: int, hours: float) -> LogEntry:
        """Compare an event with the recorded one, or write it where the recording ends; return its entry.

        Raises:
            Divergence: Another event is recorded at its position.
            EndOfTape: No event is recorded there, and this is a replay.
        """
        found = self.tape.entry_and_place(stream, ordinal)
        if found is not None:
            recorded, place = found
            if (recorded.round, recorded.hours) != (round, hours) or not _equal(recorded.event, event):
                actual = LogEntry(0, stream, ordinal, round, hours, event, "")
                contents = self._referenced_contents(recorded, actual)
                raise Divergence(recorded, stream, ordinal, round, actual, contents)
            row, at = recorded.id - place, recorded.at
        elif self.is_replay:
            raise EndOfTape(stream, ordinal, round, LogEntry(0, stream, ordinal, round, hours, event, ""))
        else:
            pending, place = self._add(stream, ordinal, event, round=round, hours=hours)
            row, at = pending.id, time_text(pending.at)
        self._replayed_count += 1
        self._pending[event.kind].append((self._replayed_count, row, place))
        return LogEntry(self._replayed_count, stream, ordinal, round, hours, event, at)

    def _referenced_contents(self, *entries: LogEntry | None) -> dict[str, str]:
        """Return the texts and messages that events refer to, by hash."""
        values = {str(value) for entry in entries if entry for value in entry.event.to_json().values()}
        return {value: content for value in sorted(values) if (content := self._contents.content(value)) is not None}

    def digest(self) -> str:
        """Return the digest of all events in the file, replayed or not."""
        self._row_writer.flush()
        # Read from the table of replayed events, each stream would take a pass over all of them.
        return self.recorded().digest()

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

    def _execute(self, query: str, parameters: Sequence[int | str], kinds: Sequence[str]) -> sqlite3.Cursor:
        """Return the result of a query for the events that have been replayed or appended."""
        for kind in kinds or list(self._pending):
            if pending := self._pending.pop(kind, None):
                self._connection.executemany("INSERT INTO replayed VALUES (?, ?, ?)", pending)
        return super()._execute(query, parameters, kinds)


_SCALARS = frozenset({str, int, float, bool, type(None)})


def _equal(one: Event, other: Event) -> bool:
    """Return whether two events have the same JSON: 1, 1.0 and True differ, and a tuple equals a list."""
    if type(one) is not type(other):
        return False
    values_of = _values_of(one.kind)
    values, others = values_of(one), values_of(other)
    types = [*map(type, values)]
    if types == [*map(type, others)] and _SCALARS.issuperset(types):
        return bool(values == others)
    return canonical_json(one.to_json()) == canonical_json(other.to_json())


@cache
def _values_of(kind: str) -> Callable[[Event], tuple[Json, ...]]:
    """Return a function that returns the kind and all fields of an event."""
    return attrgetter("kind", *EVENT_CLASS_BY_KIND[kind].__slots__)
