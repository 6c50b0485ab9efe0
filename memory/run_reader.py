"""Read a run file: a SQLite file with an append-only event log, and the messages and texts that events refer to."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from hashlib import blake2b
from pathlib import Path
from typing import Self, TypeVar, overload

from aarlab.memory.content_store import ContentStore
from aarlab.memory.events import AgentSetup, Event, LogEntry, decode_event
from aarlab.memory.messages import Message, canonical_json
from aarlab.memory.run_file_errors import damage_as_schema_error
from aarlab.memory.run_info import EventHeader, RunInfo
from aarlab.memory.schema import open_read_only

E = TypeVar("E", bound=Event)
F = TypeVar("F", bound=Event)


class RunReader:
    """An open run file. Use it in the thread that opened it."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, writable: bool = False) -> None:
        """Wrap an open connection; use `open` instead."""
        self.path = path
        self._connection, self._writable = connection, writable
        self._contents = ContentStore(path, connection, writable=writable)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a run file for reading only. Another process may be writing it.

        Raises:
            FileNotFoundError: There is no such file.
            SchemaError: It is not a run file, or was written by another version of aarlab.
        """
        return cls(path, open_read_only(path))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def info(self) -> RunInfo:
        """Return the row of table `runs`."""
        with self._damage_as_schema_error():
            columns = "run_id, aarlab_version, created_at, seed, scenario, status, summary, sandbox, fork_history"
            row = self._connection.execute(f"SELECT {columns} FROM runs").fetchone()
            run_id, version, created_at, seed, scenario, status, summary_json, sandbox, history_json = row
            summary = None if summary_json is None else json.loads(summary_json)
            fork_history = () if history_json is None else tuple(json.loads(history_json))
            return RunInfo(
                run_id, version, created_at, seed, json.loads(scenario), status, summary, sandbox, fork_history
            )

    def streams(self) -> list[str]:
        """Return the names of the streams in the order of their first events."""
        with self._damage_as_schema_error():
            return [str(stream) for (stream,) in self._select("stream", "ordinal = 0 ORDER BY id")]

    def researchers(self) -> list[str]:
        """Return the names of the run's researchers, each once, in the order of their first setup."""
        # A forked run may set up its researchers again.
        setups = self.entries(AgentSetup)
        return list(dict.fromkeys(entry.stream for entry in setups if entry.event.role == "researcher"))

    @overload
    def entries(
        self, kind: type[E], /, *, stream: str | None = None, round: int | None = None, after: int = 0
    ) -> Iterator[LogEntry[E]]: ...
    @overload
    def entries(
        self, kind: type[E], other: type[F], /, *, stream: str | None = None, round: int | None = None, after: int = 0
    ) -> Iterator[LogEntry[E | F]]: ...
    @overload
    def entries(
        self, *kinds: type[Event], stream: str | None = None, round: int | None = None, after: int = 0
    ) -> Iterator[LogEntry]: ...
    def entries(
        self, *kinds: type[Event], stream: str | None = None, round: int | None = None, after: int = 0
    ) -> Iterator[LogEntry]:
        """Iterate over events in order of arrival. During a replay, these are the events replayed so far.

        Args:
            *kinds: Event classes; without any, all kinds.
            stream: Only events of this stream.
            round: Only events of this round.
            after: Only events with a larger id.
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

    def by_research_hours(self, kind: type[E]) -> list[LogEntry[E]]:
        """Return the researchers' events of one kind, ordered by research hour, then team order, then ordinal.

        The order of arrival in the log depends on which researcher was computed first; this order does not.
        """
        index = {name: i for i, name in enumerate(self.researchers())}
        entries = (entry for entry in self.entries(kind) if entry.stream in index)
        return sorted(entries, key=lambda entry: (entry.hours, index[entry.stream], entry.ordinal))

    def stream_range(self, stream: str, first: int, last: int) -> Iterator[LogEntry]:
        """Iterate over the events of a stream from ordinal `first` to `last`, both included."""
        yield from self._read("stream = ? AND ordinal BETWEEN ? AND ? ORDER BY ordinal", [stream, first, last])

    def _read(self, where: str, values: Sequence[str | int]) -> Iterator[LogEntry]:
        with self._damage_as_schema_error():
            rows = self._select("id, stream, ordinal, round, hours, kind, data, at", where, values)
            for id_, stream, ordinal, round_, hours, kind, data, at in rows:
                yield LogEntry(id_, stream, ordinal, round_, hours, decode_event(kind, data), at)

    def event_headers(self) -> Iterator[EventHeader]:
        """Iterate over position and kind of all events in order of arrival, without decoding their fields."""
        with_role = "kind IN ('prompts', 'model_calls', 'failed_model_calls')"
        role = f"CASE WHEN {with_role} THEN json_extract(data, '$.role') END"
        with self._damage_as_schema_error():
            for row in self._select(f"id, stream, ordinal, round, hours, kind, {role}", "true ORDER BY id"):
                yield EventHeader(*row)

    def _select(self, columns: str, where: str, values: Sequence[str | int] = ()) -> sqlite3.Cursor:
        """Query the event log."""
        return self._connection.execute(f"SELECT {columns} FROM events WHERE {where}", values)

    def message(self, key: str) -> Message:
        """Return the message with this hash. Raises ContentNotFound, a KeyError, if there is none."""
        return self._contents.message(key)

    def text(self, key: str) -> str:
        """Return the text with this hash. Raises ContentNotFound, a KeyError, if there is none."""
        return self._contents.text(key)

    def has_content(self, key: str) -> bool:
        """Return whether there is a text or a message with this hash."""
        return self._contents.has_content(key)

    def digest(self) -> str:
        """Return a hash of all events, stream by stream, without wall-clock times: equal for equal runs."""
        digest = blake2b(digest_size=16)
        query = "SELECT stream, ordinal, round, hours, kind, data FROM events ORDER BY stream, ordinal"
        with self._damage_as_schema_error():
            for row in self._connection.execute(query):
                digest.update(canonical_json(row).encode() + b"\n")
        return digest.hexdigest()

    def _damage_as_schema_error(self) -> AbstractContextManager[None]:
        return damage_as_schema_error(self.path, writable=self._writable)
