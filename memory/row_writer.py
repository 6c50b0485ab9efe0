"""Write events to the log: those of one step are one row, written in one transaction with their contents."""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from aarlab.memory.content_store import ArgumentReference, ContentStore
from aarlab.memory.events import Event, FailedModelCall, ModelCall
from aarlab.memory.messages import Json, canonical_json
from aarlab.memory.row_format import RowFormat
from aarlab.memory.schema_sql import MAX_EVENTS_PER_ROW

_STEP_STARTS = (ModelCall, FailedModelCall)


@dataclass(slots=True)
class PendingRow:
    """A row that is not in the file yet."""

    id: int
    stream: int
    ordinal: int
    round: int
    at: int
    kinds: list[int] = field(default_factory=list)
    events: list[list[Json]] = field(default_factory=list)
    """For each event its hours and its values."""
    names: set[str] = field(default_factory=set)
    """Names of the kinds."""

    def continues_with(self, id_: int, stream: int, ordinal: int, round_: int) -> bool:
        """Return whether an event at this position can be the row's next one."""
        n_events = len(self.events)
        expected = self.id + n_events, self.stream, self.ordinal + n_events, self.round
        return n_events < MAX_EVENTS_PER_ROW and (id_, stream, ordinal, round_) == expected


class RowWriter:
    """Collects the events of a step, and writes them as one row."""

    def __init__(self, connection: sqlite3.Connection, contents: ContentStore, format: RowFormat) -> None:
        """Write to an open connection in autocommit mode."""
        self._connection, self._contents, self._format = connection, contents, format
        self.pending: PendingRow | None = None
        self._arguments: dict[str, Mapping[str, ArgumentReference]] = {}
        """By stream, references to the long arguments of its last model reply."""
        self._next_id: int | None = None

    def next_id(self) -> int:
        """Return the id of the next event."""
        if self.pending is not None:
            return self.pending.id + len(self.pending.events)
        if self._next_id is None:
            query = "SELECT id + (SELECT count(*) FROM layouts WHERE layouts.layout = log.layout) FROM log"
            last = self._connection.execute(f"{query} ORDER BY id DESC LIMIT 1").fetchone()
            self._next_id = 1 if last is None else int(last[0])
        return self._next_id

    def add(
        self,
        stream: str,
        ordinal: int,
        event: Event,
        *,
        round: int,
        hours: float,
        id_: int | None = None,
        at: int | None = None,
    ) -> tuple[PendingRow, int]:
        """Add an event to the row of its step, or begin a row. Return the row and the event's place in it.

        Args:
            stream: Stream of the event.
            ordinal: Position in the stream.
            event: The event.
            round: Round of the event.
            hours: Research hours that the stream's agent had used.
            id_: Id of the event; None: the next.
            at: Time in milliseconds since 1970; None: now. Events in one row have the time of the first.
        """
        if isinstance(event, ModelCall):
            self._arguments[stream] = self._contents.arguments_of(event.reply)
        row, number, id_ = self.pending, self._format.name_id(stream), self.next_id() if id_ is None else id_
        # Before the flush, while new contents are found without a query.
        kind, values = self._format.encode(event, self._arguments.get(stream, {}))
        if (
            row is None
            or isinstance(event, _STEP_STARTS)
            or at not in (None, row.at)
            or not row.continues_with(id_, number, ordinal, round)
        ):
            self.flush()
            at = time.time_ns() // 1_000_000 if at is None else at
            row = self.pending = PendingRow(id_, number, ordinal, round, at)
        row.kinds.append(kind)
        row.events.append([hours, *values])
        row.names.add(event.kind)
        return row, len(row.kinds) - 1

    def flush(self) -> None:
        """Write the row and the contents that are not in the file yet. If that fails, they stay."""
        row = self.pending
        if row is None and not self._contents.has_pending:
            return
        layout = None if row is None else self._format.layout_id(tuple(row.kinds))
        with self._transaction():
            self._contents.write_pending()
            if row is not None:
                values = (row.id, row.stream, row.ordinal, row.round, row.at, layout, canonical_json(row.events))
                self._connection.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        self._contents.forget_pending()
        self._next_id, self.pending = self.next_id(), None

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Write all events of the block in one transaction: either all become visible, or none."""
        if self._connection.in_transaction:
            yield
            return
        self.flush()
        try:
            with self._transaction():
                yield
                self.flush()
        except BaseException:
            self.pending = self._next_id = None
            self._contents.forget()
            self._format.forget()
            raise

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite has rolled back by itself
                self._connection.execute("ROLLBACK")
            raise
