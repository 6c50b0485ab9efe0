"""One run is one SQLite file: an append-only log of events, and the messages and texts they point to by hash."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from sqlite_utils import Database

from aarlab.memory.events import EVENT_TYPES, Event
from aarlab.memory.messages import Json, Message, block_from_json, canonical, content_hash
from aarlab.memory.migrations import SchemaError, migrate, schema_version

Status = Literal["running", "done", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its place in the log."""

    id: int
    stream: str
    ordinal: int
    round: int
    hours: float
    """Research hours the stream's agent had used when it happened."""
    event: Event
    at: str
    """Wall-clock time, ISO 8601, UTC."""


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
    sandbox: str | None = None
    """Mode of the sandbox in which methods ran; None where it was not recorded."""


class RunFile:
    """A run file, open. Not to be shared between threads: one connection, used where it was made."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Wrap an open connection; use `create` or `read` instead."""
        self.path = path
        self._connection = connection
        self._db = Database(connection)
        self._next_ordinal: dict[str, int] = {}
        self._listeners: list[Callable[[Entry], None]] = []

    @classmethod
    def create(
        cls, path: Path, *, run_id: str, version: str, seed: int, scenario: Json, sandbox: str | None = None
    ) -> "RunFile":
        """Make a new run file. Raises FileExistsError rather than touch an old one."""
        if path.exists():
            raise FileExistsError(f"{path} exists already")
        path.parent.mkdir(parents=True, exist_ok=True)
        file = cls(path, sqlite3.connect(path, timeout=30.0, isolation_level=None))
        file._connection.execute("PRAGMA journal_mode = WAL")
        # NORMAL loses nothing when the process dies, only (perhaps) the last moments when the machine does; FULL
        # costs tenfold.
        file._connection.execute("PRAGMA synchronous = NORMAL")
        migrate(file._db)
        row = {
            "run_id": run_id,
            "aarlab_version": version,
            "created_at": _now(),
            "seed": seed,
            "scenario": canonical(scenario),
            "status": "running",
            "summary": None,
            "sandbox": sandbox,
        }
        file._db.table("runs").insert(row)
        return file

    @classmethod
    def read(cls, path: Path) -> "RunFile":
        """Open a run file for reading only, also while it is being written.

        Raises:
            FileNotFoundError: There is no such file.
            SchemaError: It is not a run file, or was written by a newer aarlab.
        """
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30.0, isolation_level=None)
        file = cls(path, connection)
        try:
            file._check_schema()
        except SchemaError:
            file.close()
            raise
        return file

    def _check_schema(self) -> None:
        try:
            known = self._connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE name IN ('runs', 'events')"
            ).fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise SchemaError(f"{self.path} is not a run file ({error})") from None
        if known != 2:
            raise SchemaError(f"{self.path} is not a run file (it has no tables 'runs' and 'events')")
        schema_version(self._db)

    def close(self) -> None:
        """Close the connection. Everything appended is in the file already."""
        self._connection.close()

    def __enter__(self) -> "RunFile":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- writing ------------------------------------------------------------------------------------------------

    def append(self, stream: str, event: Event, *, round: int, hours: float) -> Entry:
        """Write one event at the end of its stream, at once and for good, and tell the listeners."""
        if stream not in self._next_ordinal:
            query = "SELECT coalesce(max(ordinal), -1) + 1 FROM events WHERE stream = ?"
            self._next_ordinal[stream] = int(self._connection.execute(query, (stream,)).fetchone()[0])
        ordinal, at, hours = self._next_ordinal[stream], _now(), _rounded(hours)
        cursor = self._connection.execute(
            "INSERT INTO events (stream, ordinal, round, hours, kind, data, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (stream, ordinal, round, hours, event.kind, canonical(event.to_json()), at),
        )
        self._next_ordinal[stream] += 1
        entry = Entry(cursor.lastrowid or 0, stream, ordinal, round, hours, event, at)
        for listener in self._listeners:
            listener(entry)
        return entry

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Everything appended inside becomes visible together or not at all."""
        with self._db.atomic():
            yield

    def store_message(self, message: Message) -> str:
        """Keep a message (once) and return its hash."""
        content = canonical([block.to_json() for block in message.blocks])
        key = content_hash(message.speaker, content)
        self._connection.execute("INSERT OR IGNORE INTO messages VALUES (?, ?, ?)", (key, message.speaker, content))
        return key

    def store_text(self, text: str) -> str:
        """Keep a text (once) and return its hash."""
        key = content_hash(text)
        self._connection.execute("INSERT OR IGNORE INTO texts VALUES (?, ?)", (key, text))
        return key

    def finish(self, status: Status, summary: Json = None) -> None:
        """Record how the run ended."""
        self._connection.execute(
            "UPDATE runs SET status = ?, summary = ?", (status, None if summary is None else canonical(summary))
        )
        # Out of WAL mode, so that the run is one file again; while somebody reads along it stays as it is.
        with suppress(sqlite3.OperationalError):
            self._connection.execute("PRAGMA journal_mode = DELETE")

    def on_event(self, listener: Callable[[Entry], None]) -> None:
        """Call `listener` with every entry appended from now on."""
        self._listeners.append(listener)

    # -- reading ------------------------------------------------------------------------------------------------

    def info(self) -> RunInfo:
        """Return the run's own row."""
        columns = "run_id, aarlab_version, created_at, seed, scenario, status, summary"
        sandbox = "sandbox" if "sandbox" in self._db.table("runs").columns_dict else "NULL"  # older files do not say
        row = self._connection.execute(f"SELECT {columns}, {sandbox} FROM runs").fetchone()
        run_id, version, created_at, seed, scenario, status, summary, mode = row
        told = None if summary is None else json.loads(summary)
        return RunInfo(run_id, version, created_at, seed, json.loads(scenario), status, told, mode)

    def entries(self, *kinds: type[Event], stream: str | None = None, after: int = 0) -> Iterator[Entry]:
        """Iterate over events with id > `after` in order of arrival, of the given kinds only if any are given."""
        query, values = "SELECT id, stream, ordinal, round, hours, kind, data, at FROM events WHERE id > ?", [after]
        conditions: list[str | int] = list(values)
        if kinds:
            query += f" AND kind IN ({', '.join('?' * len(kinds))})"
            conditions += [kind.kind for kind in kinds]
        if stream is not None:
            query += " AND stream = ?"
            conditions.append(stream)
        for id_, name, ordinal, round_, hours, kind, data, at in self._connection.execute(
            query + " ORDER BY id", conditions
        ):
            yield Entry(id_, name, ordinal, round_, hours, EVENT_TYPES[kind](**json.loads(data)), at)

    def message(self, key: str) -> Message:
        """Return the message with this hash. Raises KeyError if there is none."""
        row = self._connection.execute("SELECT speaker, content FROM messages WHERE hash = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(f"no message {key} in {self.path}")
        return Message(row[0], tuple(block_from_json(block) for block in json.loads(row[1])))

    def text(self, key: str) -> str:
        """Return the text with this hash. Raises KeyError if there is none."""
        row = self._connection.execute("SELECT text FROM texts WHERE hash = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(f"no text {key} in {self.path}")
        return str(row[0])

    def digest(self) -> str:
        """Return a hash over all events, stream by stream, without wall-clock times: equal for equal runs."""
        digest = blake2b(digest_size=16)
        query = "SELECT stream, ordinal, round, hours, kind, data FROM events ORDER BY stream, ordinal"
        for row in self._connection.execute(query):
            digest.update(canonical(row).encode() + b"\n")
        return digest.hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _rounded(hours: float) -> float:
    # Sums of tenths pick up dust in the last digits; a microhour is far below anything that matters.
    return round(hours, 6)
