"""Copy the log of a run into another run file, with the messages and texts that its events refer to."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from aarlab.memory.content_store import ContentStore, StoredContent
from aarlab.memory.event_base import stored_fields
from aarlab.memory.events import LogEntry
from aarlab.memory.messages import Message
from aarlab.memory.row_format import RowFormat, milliseconds_of
from aarlab.memory.row_writer import RowWriter


class LogSource(Protocol):
    """A log that can be copied."""

    def entries(self) -> Iterator[LogEntry]:
        """Iterate over the events in order of arrival."""

    def stored_content(self, key: str) -> StoredContent | None:
        """Return the message or text with this hash; None if there is none."""

    def contents(self) -> Iterable[StoredContent]:
        """Iterate over the messages and texts."""


class LogWriter:
    """Writes the events, messages and texts of another log into an empty run file."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Write to an open connection; `path` appears in errors."""
        self._connection = connection
        self.contents = ContentStore(path, connection, writable=True)
        self._writer = RowWriter(connection, self.contents, RowFormat(connection, self.contents))
        self.atomic = self._writer.atomic
        """Context in which everything is written in one transaction."""

    def insert_run(self, run: Mapping[str, str | int | None]) -> None:
        """Insert the row of table `runs`, by column."""
        marks = ", ".join("?" * len(run))
        self._connection.execute(f"INSERT INTO runs ({', '.join(run)}) VALUES ({marks})", tuple(run.values()))

    def add(self, entry: LogEntry) -> None:
        """Add an event with its id and time. Raises ValueError if they are of a wrong type."""
        position = (entry.id, entry.stream, entry.ordinal, entry.round, entry.at)
        if [type(value) for value in position] != [int, str, int, int, str] or type(entry.hours) not in (int, float):
            raise ValueError(f"an event has the position {position} and the hours {entry.hours!r}")
        self._writer.add(
            entry.stream,
            entry.ordinal,
            entry.event,
            round=entry.round,
            hours=entry.hours,
            id_=entry.id,
            at=milliseconds_of(entry.at),
        )


class Edit(Protocol):
    """An edited message, as `aarlab.memory.message_edit` has it."""

    @property
    def message(self) -> Message:
        """The edited message."""

    def applied_to(self, entries: Iterable[LogEntry]) -> Iterator[LogEntry]:
        """Yield the entries up to the edited one."""


def copy_log(
    source: LogSource, target: LogWriter, *, before_round: int | None = None, edit: Edit | None = None
) -> None:
    """Copy a log, in one transaction.

    Args:
        source: The log.
        target: Writes to the new file.
        before_round: First round that is not copied, neither its events nor contents that only they refer to; None:
            everything is copied.
        edit: An edited message. What arrived before it is copied, whatever `before_round` is, and nothing after it.
    """
    with target.atomic():
        entries = source.entries()
        if edit is not None:
            target.contents.store_message(edit.message)
            entries = edit.applied_to(entries)
        for entry in entries:
            if edit is None and before_round is not None and entry.round >= before_round:
                continue
            for key in _content_keys(entry):
                if not target.contents.has_content(key) and (stored := source.stored_content(key)) is not None:
                    target.contents.store(stored)
            target.add(entry)
        if before_round is None:
            for stored in source.contents():
                target.contents.store(stored)


def _content_keys(entry: LogEntry) -> Iterator[str]:
    """Yield the hashes of the messages and texts that an event refers to."""
    for name, storage in stored_fields(type(entry.event)).items():
        if storage == "content" and isinstance(value := getattr(entry.event, name), str):
            yield value
