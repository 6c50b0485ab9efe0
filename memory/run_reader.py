"""Read a run file: a SQLite file with an append-only event log, and the messages and texts that events refer to."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from hashlib import blake2b
from operator import itemgetter
from pathlib import Path
from typing import Self, TypeVar, overload

from aarlab.memory.content_store import ContentStore, StoredContent
from aarlab.memory.event_base import digested
from aarlab.memory.events import AgentSetup, Event, LogEntry, ResearcherReplaced, is_in_digest
from aarlab.memory.held_events import MAX_HELD, HeldEvents
from aarlab.memory.messages import Json, Message
from aarlab.memory.packing import add_unpack_function
from aarlab.memory.row_format import LogRow, RowFormat, StoredEvent
from aarlab.memory.run_file_errors import (
    ALTERED,
    CONTENT_ERRORS,
    AlteredRun,
    damage_as_schema_error,
)
from aarlab.memory.run_info import EventHeader, RunInfo, with_summary_hash
from aarlab.memory.schema import WAIT_S, open_read_only
from aarlab.memory.schema_sql import MAX_EVENTS_PER_ROW, RUN_COLUMNS

_STREAM_LENGTHS = (
    "SELECT name, count(*) FROM log JOIN layouts ON layouts.layout = log.layout JOIN names ON names.id = log.stream "
    "GROUP BY name"
)

E = TypeVar("E", bound=Event)
F = TypeVar("F", bound=Event)
V = TypeVar("V")


class RunReader:
    """An open run file. Use it in the thread that opened it."""

    _rows = "log"
    """SQL of the rows that queries see."""
    _row_columns = "log.id, stream, ordinal, round, at, log.layout, data, NULL"
    """SQL of the columns of a `LogRow`."""
    _event_id = "log.id"
    """SQL of the id of a row's first event."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, writable: bool = False) -> None:
        """Wrap an open connection; use `open` instead."""
        self.path = path
        self._connection, self._writable = connection, writable
        self._contents = ContentStore(path, connection, writable=writable)
        self._format = RowFormat(connection, self._contents)
        self._held: HeldEvents | None = None

    def recorded(self) -> "RunReader":
        """Return a reader of all events in the file, also during a replay. It shares what this one has read."""
        reader = RunReader(self.path, self._connection, writable=self._writable)
        reader._contents, reader._format = self._contents, self._format
        return reader

    @classmethod
    def open(cls, path: Path, *, wait_s: float = WAIT_S) -> Self:
        """Open a run file for reading only. Another process may be writing it.

        Args:
            path: The file.
            wait_s: Seconds that each query waits for a file that another process has locked.

        Raises:
            FileNotFoundError: There is no such file.
            SchemaError: It is not a run file, or was written by another version of aarlab.
        """
        return cls(path, open_read_only(path, wait_s))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Close the file. Raise AlteredRun for an error in the block that reading an altered run can cause."""
        try:
            # Errors that aarlab defines say what is wrong.
            if isinstance(error, CONTENT_ERRORS) and not type(error).__module__.startswith("aarlab."):
                self.require_unaltered()
        finally:
            self.close()

    def info(self) -> RunInfo:
        """Return the row of table `runs`."""
        with self._damage_as_schema_error():
            row = self._connection.execute(f"SELECT {RUN_COLUMNS} FROM runs").fetchone()
            run_id, version, created_at, seed, scenario, status, summary_json, sandbox, history_json = row
            summary = None if summary_json is None else json.loads(summary_json)
            fork_history = () if history_json is None else tuple(json.loads(history_json))
            return RunInfo(
                run_id, version, created_at, seed, json.loads(scenario), status, summary, sandbox, fork_history
            )

    def streams(self) -> list[str]:
        """Return the names of the streams in the order of their first events."""
        with self._damage_as_schema_error():
            # The rows are found by the index on stream and ordinal.
            first_rows = self.stored_events("(stream, ordinal) IN (SELECT id, 0 FROM names)", [])
            return [event.stream for event in first_rows if event.ordinal == 0]

    def researchers(self) -> list[str]:
        """Return the names of the run's researchers, each once, in the order of their first setup."""
        # A forked run may set up its researchers again.
        setups = self.entries(AgentSetup)
        return list(dict.fromkeys(entry.stream for entry in setups if entry.event.role == "researcher"))

    def places(self) -> dict[str, str]:
        """Return the place of each researcher in the team, by name: the name of the researcher that had it first."""
        replaced = {entry.stream: entry.event.place for entry in self.entries(ResearcherReplaced)}
        return {name: replaced.get(name, name) for name in self.researchers()}

    def team_size(self) -> int:
        """Return the number of researchers that work at the same time."""
        return len(set(self.places().values()))

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
        if self._held is not None and self._held.has(kinds):
            yield from self._held.entries(kinds, stream, round, after)
            return
        names = [kind.kind for kind in kinds]
        # Rows are found by their first event.
        where, values = f"{self._event_id} > ?", [after - MAX_EVENTS_PER_ROW]
        if round is not None:
            where += " AND round = ?"
            values.append(round)
        with self._damage_as_schema_error():
            for stored in self.stored_events(where, values, names, stream):
                if stored.id > after and (not kinds or stored.kind.event.kind in names):
                    yield self._format.entry(stored)

    @contextmanager
    def hold_events(self, max_held: int = MAX_HELD) -> Iterator[None]:
        """Decode all events once, and serve `entries` from memory in the block, in which nothing may be appended.

        Of a log with more than `max_held` events, those of the most frequent kinds are still read at each call.
        """
        if self._held is not None:
            yield
            return
        self._held = HeldEvents(self.entries(), max_held)
        try:
            yield
        finally:
            self._held = None

    def by_research_hours(self, kind: type[E]) -> list[LogEntry[E]]:
        """Return the researchers' events of one kind, ordered by research hour, then team order, then ordinal.

        The order of arrival in the log depends on which researcher was computed first; this order does not.
        """
        return self.values_by_research_hours(kind, lambda entry: entry)

    def values_by_research_hours(self, kind: type[E], value: Callable[[LogEntry[E]], V]) -> list[V]:
        """Return a value of each of these events, in the same order, without all of the events in memory."""
        index = {name: i for i, name in enumerate(self.researchers())}
        keyed = (
            (entry.hours, index[entry.stream], entry.ordinal, value(entry))
            for entry in self.entries(kind)
            if entry.stream in index
        )
        return [value for *_, value in sorted(keyed, key=itemgetter(0, 1, 2))]

    def hours_by_stream(self) -> dict[str, float]:
        """Return the research hours that each stream has reached."""
        return (self._held or HeldEvents(self.entries(), max_held=0)).hours_by_stream

    def stream_range(self, stream: str, first: int, last: int) -> Iterator[LogEntry]:
        """Iterate over the events of a stream from ordinal `first` to `last`, both included."""
        values = [first - MAX_EVENTS_PER_ROW, last]
        with self._damage_as_schema_error():
            for stored in self.stored_events("ordinal BETWEEN ? AND ?", values, stream=stream, order="ordinal"):
                if first <= stored.ordinal <= last:
                    yield self._format.entry(stored)

    def event_headers(self) -> Iterator[EventHeader]:
        """Iterate over position and kind of all events in order of arrival, without decoding their fields."""
        with self._damage_as_schema_error():
            for event in self.stored_events("true", []):
                role = self._format.role(event)
                yield EventHeader(
                    event.id, event.stream, event.ordinal, event.round, event.hours, event.kind.event.kind, role
                )

    def stored_events(
        self,
        where: str,
        values: Sequence[int],
        kinds: Sequence[str] = (),
        stream: str | None = None,
        order: str | None = None,
        limit: int = -1,
    ) -> Iterator[StoredEvent]:
        """Yield the events of the rows that satisfy a condition, perhaps with others of their steps.

        Args:
            where: SQL condition on a row of table `log`.
            values: Values of its parameters.
            kinds: Kinds of events, of which a row must have one; empty: any.
            stream: Stream of the rows; None: any.
            order: Column by which rows are ordered; None: order of arrival.
            limit: Maximum number of rows; -1: none.
        """
        parameters: list[int | str] = [*values, *kinds]
        if kinds:
            with_kind = f"SELECT id FROM kinds WHERE kind IN ({', '.join('?' * len(kinds))})"
            where += f" AND log.layout IN (SELECT layout FROM layouts WHERE kind IN ({with_kind}))"
        if stream is not None:
            if (number := self._format.find_name(stream)) is None:
                return
            where += " AND stream = ?"
            parameters.append(number)
        query = f"SELECT {self._row_columns} FROM {self._rows} WHERE {where} "
        query += f"ORDER BY {order or self._event_id} LIMIT {limit}"
        for row in self._execute(query, parameters, kinds):
            yield from self._format.events(LogRow(*row))

    def _execute(self, query: str, parameters: Sequence[int | str], kinds: Sequence[str]) -> sqlite3.Cursor:
        """Return the result of a query for rows with events of these kinds; empty: of all kinds."""
        return self._connection.execute(query, parameters)

    def entry_of(self, stored: StoredEvent) -> LogEntry:
        """Return a stored event as an entry of the log."""
        return self._format.entry(stored)

    def last_id(self) -> int:
        """Return the id of the last row of the log, which is about the number of recorded events; 0: there is none."""
        with self._damage_as_schema_error():
            return int(self._connection.execute("SELECT ifnull(max(id), 0) FROM log").fetchone()[0])

    def stream_lengths(self) -> dict[str, int]:
        """Return the number of recorded events of each stream, by stream."""
        with self._damage_as_schema_error():
            return dict(self._connection.execute(_STREAM_LENGTHS).fetchall())

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See the file in the block as it is now, even if another process writes it."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("COMMIT")

    def run_rows(self) -> Iterator[dict[str, str | int | None]]:
        """Iterate over the rows of table `runs`, each as a dictionary by column."""
        with self._damage_as_schema_error():
            for row in self._connection.execute(f"SELECT {RUN_COLUMNS} FROM runs"):
                yield dict(zip(RUN_COLUMNS.split(", "), row, strict=True))

    def query(self, sql: str, *values: str | int | float | None) -> list[dict[str, Json]]:
        """Return the rows of an SQL query, each as a dictionary by column; views of packed files work, too.

        Raises:
            sqlite3.Error: The query is not valid.
            SchemaError: The file is damaged.
        """
        add_unpack_function(self._connection)
        # The views were checked when the file was opened.
        self._connection.execute("PRAGMA trusted_schema = ON")
        try:
            cursor = self._connection.execute(sql, values)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor]
        finally:
            self._connection.execute("PRAGMA trusted_schema = OFF")

    def contents(self) -> Iterator[StoredContent]:
        """Iterate over the messages and texts in the file, in the order in which they were stored."""
        with self._damage_as_schema_error():
            yield from self._contents.all()

    def message(self, key: str) -> Message:
        """Return the message with this hash. Raises ContentNotFound, a KeyError, if there is none."""
        return self._contents.message(key)

    def stored_content(self, key: str) -> StoredContent | None:
        """Return the message or text with this hash as it is stored; None if there is none."""
        with self._damage_as_schema_error():
            return self._contents.find(key)

    def text(self, key: str) -> str:
        """Return the text with this hash. Raises ContentNotFound, a KeyError, if there is none."""
        return self._contents.text(key)

    def has_content(self, key: str) -> bool:
        """Return whether there is a text or a message with this hash."""
        return self._contents.has_content(key)

    def content_hashes(self) -> set[str]:
        """Return the hashes of all texts and messages."""
        with self._damage_as_schema_error():
            return self._contents.hashes()

    def instruction_rows(self) -> list[tuple[str, str | None, str, str, str, str, str]]:
        """Return the rows of table `instructions` as they were written; `aarlab.memory.instructions` reads them."""
        query = "SELECT id, question, action, arguments, who, why, at FROM instructions ORDER BY rowid"
        with self._damage_as_schema_error():
            return self._connection.execute(query).fetchall()

    def digest(self) -> str:
        """Return a hash of all events of the run, by stream, without times and devices: equal for equal runs.

        Signatures under an audit are added after the run, and are not covered.
        """
        digest = blake2b(digest_size=16)
        with self._damage_as_schema_error():
            for part in self._digested_events():
                digest.update(part)
        return digest.hexdigest()

    def _digested_events(self) -> Iterator[bytes]:
        """Yield what the digest covers of each event, stream by stream."""
        if self._held is not None and self._held.has(()):
            for _, stream, ordinal, round_, hours, event, _ in self._held.by_stream():
                if is_in_digest(stream, event.kind):
                    yield digested(stream, ordinal, round_, hours, event.kind, event.digested_json())
            return
        for stream in sorted(self.stream_lengths()):
            for stored in self.stored_events("true", [], stream=stream, order="ordinal"):
                if is_in_digest(stream, stored.kind.event.kind):
                    yield self._format.digested(stored)

    def is_altered(self, *, events: bool = True) -> bool:
        """Return whether the events, the settings or the summary of a scored run are not those that were recorded.

        The summary has the digest of the events, a hash of the settings and a hash of itself. Anyone who knows how they
        are computed can forge them. A run that was not scored has no summary, so nothing of it can be verified.

        Args:
            events: Whether to read the events, too, which takes longest.
        """
        info = self.info()
        if info.status == "partial" or info.summary is None:
            return False
        summary = info.summary if isinstance(info.summary, dict) else {}
        try:
            if summary != with_summary_hash(summary) or info.has_other_settings:
                return True
        except ValueError:  # an infinite number, which aarlab does not write
            return True
        return events and bool(summary.get("digest") != self.digest())

    def require_unaltered(self) -> None:
        """Raise AlteredRun if `is_altered`."""
        if self.is_altered():
            raise AlteredRun(f"{self.path} {ALTERED}")

    def _damage_as_schema_error(self) -> AbstractContextManager[None]:
        return damage_as_schema_error(self.path, writable=self._writable)
