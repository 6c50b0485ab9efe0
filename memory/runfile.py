"""One run is one SQLite file: an append-only log of events, and the messages and texts they point to by hash.

The log is a tape, too. A file that is opened to be gone on with, or to be replayed, shows its readers an empty log at
first. As the run happens again, each appended event is compared with what stands in its place, and is then there to be
read; where the log ends, a resumed run goes on, and new events are written.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aarlab.memory.events import Event, LogEntry, Role, decode_event
from aarlab.memory.file_lock import FileLock
from aarlab.memory.fork_history import copy_parent_events
from aarlab.memory.messages import Json, Message, canonical_json, content_hash
from aarlab.memory.migrations import MIGRATIONS, SchemaError, migrate
from aarlab.memory.run_tape import Divergence, EndOfTape, RecordedCall, Tape
from aarlab.memory.schema_upgrade import checked_schema_version, migrated_copy, open_read_only

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["LogEntry", "RunFile", "RunInfo", "Status"]

Status = Literal["running", "done", "stopped", "failed"]
_EventRow = tuple[str, int, int, float, str, str]
"""Stream, ordinal, round, hours, kind and JSON of an event: its row in the log, without id and time."""
_MAX_UNSTORED = 16


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The run's own row."""

    run_id: str
    aarlab_version: str
    created_at: str
    seed: int
    scenario: Json
    status: Status
    summary: Json
    sandbox: Literal["strict", "docker", "none"] | None = None
    """Mode of the sandbox in which methods ran; None where it was not recorded."""
    fork_history: tuple[Json, ...] = ()
    """Of a run that was forked: how it was configured before, oldest first, each part with the scenario, the last round
    under it, and the run it was taken from.
    """


@dataclass(frozen=True, slots=True)
class EventHeader:
    """What an event is, without what it says."""

    id: int
    stream: str
    ordinal: int
    round: int
    hours: float
    kind: str
    role: str | None
    """Of what is said to a base model or by one: whose part it plays; None for everything else."""


class ContentNotFound(SchemaError, KeyError):
    """The file holds nothing under a hash that it should hold something under."""

    def __str__(self) -> str:
        return Exception.__str__(self)


class RunFile:
    """A run file, open. Not to be shared between threads: one connection, used where it was made."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: FileLock | None = None) -> None:
        """Wrap an open connection; use `create`, `resume`, `replay` or `read` instead."""
        self.path = path
        self.tape: Tape | None = None
        """What the file held when it was opened, where the run happens again."""
        self.file_schema_version = len(MIGRATIONS)
        """Schema version of the file itself; what is read from it is of the present one."""
        self._connection = connection
        self._lock = lock
        self._log = "events"
        """The table that readers are shown."""
        self._replayed_count = 0
        """Events that have happened, in a run that happens again."""
        self._unrevealed_ids: list[tuple[int]] = []
        """Those of them that readers have not been shown yet, by id."""
        self._unstored_contents: dict[str, str] = {}
        """In a replay, the last contents that it would have stored, by hash."""
        self._next_ordinal: dict[str, int] = {}
        self._listeners: list[Callable[[LogEntry], None]] = []

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        run_id: str,
        version: str,
        seed: int,
        scenario: Json,
        sandbox: str | None = None,
        fork_history: Sequence[Json] = (),
        parent: Path | None = None,
        before: int = 0,
    ) -> "RunFile":
        """Make a new run file. Raises FileExistsError rather than touch an old one, Busy if one is being made.

        Of a run that is forked, `fork_history` says how it was configured before; what happened in its `parent` before a round
        is taken over, with all that it points to, and happens again.
        """
        from sqlite_utils import Database

        if path.exists():
            raise FileExistsError(f"{path} exists already")
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock.acquire(path)
        # Furnished under another name: whoever finds a run file finds a whole one.
        partial_path = path.with_name(f"{path.name}.partial")
        try:
            if path.exists():
                raise FileExistsError(f"{path} exists already")
            partial_path.unlink(missing_ok=True)
            with closing(sqlite3.connect(partial_path, isolation_level=None, uri=True)) as connection:
                database = Database(connection)
                migrate(database)
                row = {
                    "run_id": run_id,
                    "aarlab_version": version,
                    "created_at": _now(),
                    "seed": seed,
                    "scenario": canonical_json(scenario),
                    "status": "running",
                    "summary": None,
                    "sandbox": sandbox,
                    "fork_history": canonical_json(list(fork_history)) if fork_history else None,
                }
                database.table("runs").insert(row)
                if parent is not None:
                    with cls.read(parent) as parent_file, database.atomic():
                        copy_parent_events(connection, parent_file._connection, before)
            os.replace(partial_path, path)
            file = cls._open_for_writing(path, lock)
        except BaseException:
            partial_path.unlink(missing_ok=True)
            lock.release()
            raise
        if parent is not None:
            file._hide_log()
        return file

    @classmethod
    def resume(cls, path: Path, sandbox: str | None = None) -> "RunFile":
        """Open a run file to go on with the run: it happens again up to where the log ends, and then goes on.

        `sandbox` is where methods run from now on; that they once ran unconfined stays on record.

        Raises:
            FileNotFoundError: There is no such file.
            SchemaError: It is not a run file, or was written by another version of aarlab (see `migrate_file`).
            Busy: Another process is at work on it.
        """
        with cls.read(path) as file:
            file.require_current_schema()
        file = cls._open_for_writing(path, FileLock.acquire(path))
        try:
            query = "UPDATE runs SET status = 'running', sandbox = iif(sandbox = 'none', sandbox, ifnull(?, sandbox))"
            file._connection.execute(query, (sandbox,))
            file._hide_log()
        except BaseException:
            file.close()
            raise
        return file

    @classmethod
    def replay(cls, path: Path) -> "RunFile":
        """Open a run file to let the run happen again without changing it; whatever is not on tape is a Divergence.

        Raises:
            FileNotFoundError: There is no such file.
            SchemaError: It is not a run file, or was written by a newer aarlab.
        """
        file = cls.read(path)
        file._hide_log()
        return file

    @classmethod
    def _open_for_writing(cls, path: Path, lock: FileLock) -> "RunFile":
        file = cls(path, sqlite3.connect(path, timeout=30.0, isolation_level=None), lock)
        file._connection.execute("PRAGMA journal_mode = WAL")
        # NORMAL loses nothing when the process dies, only (perhaps) the last moments when the machine does; FULL
        # costs tenfold.
        file._connection.execute("PRAGMA synchronous = NORMAL")
        return file

    def _hide_log(self) -> None:
        """Hide the log from readers; it comes to light event by event, in the order in which things happen now."""
        self.tape = Tape(self._connection)
        self._next_ordinal = dict.fromkeys(self.tape.streams, 0)
        self._connection.execute("PRAGMA temp_store = MEMORY")
        self._connection.executescript(
            """
            CREATE TEMP TABLE replayed (position INTEGER PRIMARY KEY, event INTEGER UNIQUE);
            CREATE TEMP VIEW log AS SELECT position AS id, stream, ordinal, round, hours, kind, data, at
                FROM replayed JOIN main.events ON main.events.id = event;
            """
        )
        self._log = "log"

    @classmethod
    def read(cls, path: Path) -> "RunFile":
        """Open a run file for reading only, also while it is being written.

        What an earlier aarlab wrote is read from a copy that is brought to the present schema; the file stays as it is.

        Raises:
            FileNotFoundError: There is no such file.
            SchemaError: It is not a run file, or was written by a newer aarlab.
        """
        connection = open_read_only(path)
        try:
            version = checked_schema_version(path, connection)
            file = cls(path, connection if version == len(MIGRATIONS) else migrated_copy(path, connection))
        except SchemaError:
            connection.close()
            raise
        file.file_schema_version = version
        return file

    def require_current_schema(self) -> None:
        """Raise SchemaError if an earlier aarlab wrote the file, so that this one cannot go on writing it as it is."""
        if self.file_schema_version < len(MIGRATIONS):
            raise SchemaError(
                f"{self.path} was written by an earlier aarlab (schema version {self.file_schema_version}, this one has "
                f"{len(MIGRATIONS)}). It can be read, replayed and forked; `aarlab resume --migrate` goes on writing it"
            )

    def close(self) -> None:
        """Close the connection. Everything appended is in the file already."""
        self._connection.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> "RunFile":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- writing ------------------------------------------------------------------------------------------------

    def append(self, stream: str, event: Event, *, round: int, hours: float) -> LogEntry:
        """Write one event at the end of its stream, at once and for good, and tell the listeners.

        Raises:
            Divergence: The run happens again, and something else stands in this place; or, in a replay, nothing
                (EndOfTape).
        """
        ordinal, hours = self.next_ordinal(stream), _round_hours(hours)
        place = (stream, ordinal, round, hours, event.kind, canonical_json(event.to_json()))
        id_, at = self._match_recorded(event, place) or self._insert_event(event, place)
        if self.tape is not None:
            self._unrevealed_ids.append((id_,))
            self._replayed_count = id_ = self._replayed_count + 1
        self._next_ordinal[stream] += 1
        entry = LogEntry(id_, stream, ordinal, round, hours, event, at)
        for listener in self._listeners:
            listener(entry)
        return entry

    def _match_recorded(self, event: Event, place: _EventRow) -> tuple[int, str] | None:
        """Return id and time of an event that is on tape already. Raises Divergence if another stands there."""
        stream, ordinal, round_, *_ = place
        row = None if self.tape is None else self.tape.row(stream, ordinal)
        if row is None or self.tape is None:
            return None
        id_, *recorded, at = row
        if tuple(recorded) != place[2:]:
            then, now = self.tape.entry(stream, ordinal), LogEntry(0, *place[:4], event, "")
            raise Divergence(then, stream, ordinal, round_, now, self._referenced_contents(then, now))
        return id_, at

    def _referenced_contents(self, *entries: LogEntry | None) -> dict[str, str]:
        """Return the texts and messages that events point to, by hash."""
        values = {str(value) for entry in entries if entry for value in entry.event.to_json().values()}
        return {value: content for value in sorted(values) if (content := self.content(value)) is not None}

    def _insert_event(self, event: Event, place: _EventRow) -> tuple[int, str]:
        """Write an event, and return its id and the time."""
        if self.is_replay:
            raise EndOfTape(*place[:3], LogEntry(0, *place[:4], event, ""))
        at = _now()
        cursor = self._connection.execute(
            "INSERT INTO events (stream, ordinal, round, hours, kind, data, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*place, at),
        )
        return cursor.lastrowid or 0, at

    def recorded_call(self, stream: str, round: int, role: Role) -> RecordedCall:
        """Return what is on tape of the call of a base model that comes next in a stream.

        Raises:
            Divergence: Something else comes next.
        """
        if self.tape is None:
            return RecordedCall((), None)
        return self.tape.call(stream, self.next_ordinal(stream), round, role)

    @property
    def is_replay(self) -> bool:
        """Whether nothing may happen that is not on tape."""
        return self.tape is not None and self._lock is None

    def next_ordinal(self, stream: str) -> int:
        """Return the place of the event that comes next in a stream."""
        if stream not in self._next_ordinal:
            query = "SELECT coalesce(max(ordinal), -1) + 1 FROM events WHERE stream = ?"
            self._next_ordinal[stream] = int(self._connection.execute(query, (stream,)).fetchone()[0])
        return self._next_ordinal[stream]

    def next_unreplayed(self) -> LogEntry | None:
        """Return the first event that is on tape and has not happened again; None if all have."""
        if self.tape is None:
            return None
        left = (self.tape.entry(stream, self._next_ordinal[stream]) for stream in self.tape.streams)
        return min((entry for entry in left if entry is not None), key=lambda entry: entry.id, default=None)

    @cached_property
    def _database(self) -> "Database":
        from sqlite_utils import Database

        return Database(self._connection)

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Everything appended inside becomes visible together or not at all."""
        with nullcontext() if self.is_replay else self._database.atomic():
            yield

    def store_message(self, message: Message) -> str:
        """Keep a message (once) and return its hash."""
        key, content = message.stored()
        self._store("messages", key, message.speaker, content)
        return key

    def store_text(self, text: str) -> str:
        """Keep a text (once) and return its hash."""
        key = content_hash(text)
        self._store("texts", key, text)
        return key

    def _store(self, table: str, *row: str) -> None:
        if not self.is_replay:
            self._connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})", row)
            return
        # A replay writes nothing; the last few are kept, to be shown where the runs part.
        self._unstored_contents[row[0]] = row[-1]
        if len(self._unstored_contents) > _MAX_UNSTORED:
            del self._unstored_contents[next(iter(self._unstored_contents))]

    def content(self, key: str) -> str | None:
        """Return what a hash stands for, a text or the JSON of a message's blocks; None if it stands for neither."""
        if key in self._unstored_contents:
            return self._unstored_contents[key]
        for query in ("SELECT text FROM texts WHERE hash = ?", "SELECT content FROM messages WHERE hash = ?"):
            if (row := self._connection.execute(query, (key,)).fetchone()) is not None:
                return str(row[0])
        return None

    def has_content(self, key: str) -> bool:
        """Tell whether there is a text or a message with this hash."""
        query = "SELECT EXISTS (SELECT 1 FROM texts WHERE hash = ?1) OR EXISTS (SELECT 1 FROM messages WHERE hash = ?1)"
        return bool(self._connection.execute(query, (key,)).fetchone()[0])

    def finish(self, status: Status, summary: Json = None) -> None:
        """Record how the run ended."""
        self._connection.execute(
            "UPDATE runs SET status = ?, summary = ?", (status, None if summary is None else canonical_json(summary))
        )
        # Out of WAL mode, so that the run is one file again; while somebody reads along it stays as it is.
        with suppress(sqlite3.OperationalError):
            self._connection.execute("PRAGMA journal_mode = DELETE")

    def on_event(self, listener: Callable[[LogEntry], None]) -> None:
        """Call `listener` with every entry appended from now on."""
        self._listeners.append(listener)

    # -- reading ------------------------------------------------------------------------------------------------

    def info(self) -> RunInfo:
        """Return the run's own row."""
        with self._damage_as_schema_error():
            columns = "run_id, aarlab_version, created_at, seed, scenario, status, summary, sandbox, fork_history"
            row = self._connection.execute(f"SELECT {columns} FROM runs").fetchone()
            run_id, version, created_at, seed, scenario, status, summary, mode, fork_history = row
            told = None if summary is None else json.loads(summary)
            before = () if fork_history is None else tuple(json.loads(fork_history))
            return RunInfo(run_id, version, created_at, seed, json.loads(scenario), status, told, mode, before)

    def streams(self) -> list[str]:
        """Return the agents to whom something happened, and the team, in the order in which it first did."""
        self._reveal_replayed()
        with self._damage_as_schema_error():
            rows = self._connection.execute(f"SELECT stream FROM {self._log} WHERE ordinal = 0 ORDER BY id").fetchall()
            return [str(stream) for (stream,) in rows]

    def entries(
        self, *kinds: type[Event], stream: str | None = None, round: int | None = None, after: int = 0
    ) -> Iterator[LogEntry]:
        """Iterate over events with id > `after` in order of arrival, of the given kinds only if any are given.

        In a run that happens again these are the events that have happened again, and their ids count from 1.
        """
        where = "id > ?"
        values: list[str | int] = [after]
        if kinds:
            where += f" AND kind IN ({', '.join('?' * len(kinds))})"
            values += [kind.kind for kind in kinds]
        for column, value in (("stream", stream), ("round", round)):
            if value is not None:
                where += f" AND {column} = ?"
                values.append(value)
        yield from self._read(f"{where} ORDER BY id", values)

    def stream_range(self, stream: str, first: int, last: int) -> Iterator[LogEntry]:
        """Iterate over the events of a stream from one ordinal to another, both included."""
        yield from self._read("stream = ? AND ordinal BETWEEN ? AND ? ORDER BY ordinal", [stream, first, last])

    def _read(self, which: str, values: Sequence[str | int]) -> Iterator[LogEntry]:
        self._reveal_replayed()
        query = f"SELECT id, stream, ordinal, round, hours, kind, data, at FROM {self._log} WHERE {which}"
        with self._damage_as_schema_error():
            for id_, name, ordinal, round_, hours, kind, data, at in self._connection.execute(query, values):
                yield LogEntry(id_, name, ordinal, round_, hours, decode_event(kind, data), at)

    def event_headers(self) -> Iterator[EventHeader]:
        """Iterate over what the events are, in order of arrival, without reading what they say."""
        self._reveal_replayed()
        spoken = "kind IN ('prompts', 'model_calls', 'failed_model_calls')"
        role = f"CASE WHEN {spoken} THEN json_extract(data, '$.role') END"
        query = f"SELECT id, stream, ordinal, round, hours, kind, {role} FROM {self._log} ORDER BY id"
        with self._damage_as_schema_error():
            for row in self._connection.execute(query):
                yield EventHeader(*row)

    def _reveal_replayed(self) -> None:
        """Let readers see what has happened again."""
        if self._unrevealed_ids:
            self._connection.executemany("INSERT INTO replayed (event) VALUES (?)", self._unrevealed_ids)
            self._unrevealed_ids.clear()

    def message(self, key: str) -> Message:
        """Return the message with this hash. Raises NothingThere, a KeyError, if there is none."""
        with self._damage_as_schema_error():
            row = self._connection.execute("SELECT speaker, content FROM messages WHERE hash = ?", (key,)).fetchone()
            if row is None:
                raise ContentNotFound(f"no message {key} in {self.path}")
            return Message.read(key, *row)

    def text(self, key: str) -> str:
        """Return the text with this hash. Raises NothingThere, a KeyError, if there is none."""
        with self._damage_as_schema_error():
            row = self._connection.execute("SELECT text FROM texts WHERE hash = ?", (key,)).fetchone()
            if row is None:
                raise ContentNotFound(f"no text {key} in {self.path}")
            if content_hash(*row) != key:
                raise SchemaError(f"{self.path} is damaged (the text {key} is not what it was)")
            return str(row[0])

    @contextmanager
    def _damage_as_schema_error(self) -> Iterator[None]:
        """Turn what goes wrong where a damaged file is read into a SchemaError that says so."""
        try:
            yield
        except SchemaError:
            raise
        except (sqlite3.DatabaseError, ValueError, KeyError, TypeError, AttributeError) as error:
            if self._lock is not None and isinstance(error, sqlite3.OperationalError):
                raise  # of a file that is being written: the disk, or another process
            raise SchemaError(f"{self.path} is damaged ({type(error).__name__}: {error})") from None

    def digest(self) -> str:
        """Return a hash over all events, stream by stream, without wall-clock times: equal for equal runs."""
        digest = blake2b(digest_size=16)
        query = "SELECT stream, ordinal, round, hours, kind, data FROM events ORDER BY stream, ordinal"
        with self._damage_as_schema_error():
            for row in self._connection.execute(query):
                digest.update(canonical_json(row).encode() + b"\n")
        return digest.hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _round_hours(hours: float) -> float:
    # Sums of tenths pick up dust in the last digits; a microhour is far below anything that matters.
    return round(hours, 6)
