"""The rows of the log: how the events of one step are stored in a row, and read again.

A row has consecutive events of one stream and round. Its layout has the kind of each, and each kind its fields, so that
only values are stored. Frequent strings are numbers of table `names`, hashes are numbers of table `contents`.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from aarlab.memory.content_store import ArgumentReference, ContentStore
from aarlab.memory.event_base import (
    Storage,
    default_values,
    digested,
    digested_fields,
    stored_fields,
    without_omitted,
)
from aarlab.memory.events import EVENT_CLASS_BY_KIND, Event, FailedModelCall, LogEntry, ModelCall, Prompted
from aarlab.memory.messages import Json, parse_json
from aarlab.memory.run_file_errors import SchemaError

_WITH_ROLE = frozenset({Prompted, ModelCall, FailedModelCall})
"""Kinds of events whose first field is the role."""
_MAX_HASHES = 20_000
"""Hashes of contents that are kept."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LogRow(NamedTuple):
    """A row of table `log`."""

    id: int
    """Of its first event."""
    stream: int
    ordinal: int
    """Of its first event."""
    round: int
    at: int
    layout: int
    data: str
    place: int | None
    """Place of the only event that is meant; None: all events of the row."""


class StoredEvent(NamedTuple):
    """An event of a row."""

    id: int
    stream: str
    ordinal: int
    round: int
    hours: float
    kind: "KindFormat"
    values: list[Json]
    at: int
    place: int
    """Place in its row."""


@dataclass(frozen=True, slots=True)
class KindFormat:
    """How the events of one kind are stored."""

    id: int
    event: type[Event]
    fields: tuple[tuple[str, Storage], ...]
    referring: tuple[tuple[int, Callable[[Json], str]], ...]
    """Position of each field that may hold a reference, and the function that returns what the reference is to."""
    defaults: tuple[Json, ...]
    """Values of fields that a row does not have."""
    digested: tuple[tuple[str, int], ...]
    """The fields that digests cover: name and position."""


class RowFormat:
    """Tables `names`, `kinds` and `layouts` of a run file."""

    def __init__(self, connection: sqlite3.Connection, contents: ContentStore) -> None:
        """Read from, and write to, an open connection."""
        self._connection, self._contents = connection, contents
        self.forget()

    def forget(self) -> None:
        """Forget what was read: a transaction was rolled back."""
        self._names: dict[int, str] = {}
        self._name_ids: dict[str, int] = {}
        self._kinds: dict[int, KindFormat] = {}
        self._kind_of_event: dict[type[Event], KindFormat] = {}
        self._layouts: dict[int, tuple[KindFormat, ...]] = {}
        self._layout_ids: dict[tuple[int, ...], int] = {}
        self._hashes: dict[int, str] = {}

    # -- reading ------------------------------------------------------------------------------------------------

    def events(self, row: LogRow) -> Iterator[StoredEvent]:
        """Yield the events of a row. Raises SchemaError if it is not one that aarlab writes."""
        values, layout, stream = parse_json(row.data), self._layout(row.layout), self.name(row.stream)
        if len(values) != len(layout):
            raise SchemaError(f"the row {row.id} of the log has {len(values)} events instead of {len(layout)}")
        for place in range(len(layout)) if row.place is None else (row.place,):
            hours, *fields = values[place]
            yield StoredEvent(
                row.id + place, stream, row.ordinal + place, row.round, hours, layout[place], fields, row.at, place
            )

    def entry(self, stored: StoredEvent) -> LogEntry:
        """Return a stored event as an entry of the log."""
        event = self.decode(stored.kind, stored.values)
        return LogEntry(
            stored.id, stored.stream, stored.ordinal, stored.round, stored.hours, event, time_text(stored.at)
        )

    def decode(self, kind: KindFormat, values: list[Json]) -> Event:
        """Return the event of stored values. Raises SchemaError if they are not those of its kind."""
        return kind.event(*self._field_values(kind, values))

    def digested(self, stored: StoredEvent) -> bytes:
        """Return what the digest covers of a stored event, as `digested` does, without decoding it."""
        values = self._field_values(stored.kind, stored.values)
        event = stored.kind.event
        fields = without_omitted(event, {name: values[index] for name, index in stored.kind.digested})
        return digested(stored.stream, stored.ordinal, stored.round, stored.hours, event.kind, fields)

    def _field_values(self, kind: KindFormat, values: list[Json]) -> list[Json]:
        """Return the values of all fields of an event. Raises SchemaError if they are not those of its kind."""
        if len(values) > len(kind.fields):
            raise SchemaError(f"an event of kind {kind.event.kind!r} has {len(values)} fields")
        decoded = [*values, *kind.defaults[len(values) :]]
        for index, resolve in kind.referring:
            value = decoded[index]
            if value.__class__ is not str and value is not None:
                decoded[index] = resolve(value)
        return decoded

    def role(self, stored: StoredEvent) -> str | None:
        """Return the agent role of a prompt, model call or failed model call, without decoding it; None for others."""
        if stored.kind.event not in _WITH_ROLE or not stored.values:
            return None
        role = stored.values[0]
        return self.name(role) if isinstance(role, int) else role

    def _text_of(self, reference: Json) -> str:
        if not isinstance(reference, list):
            raise SchemaError(f"an event refers to {reference!r}")
        return self._contents.argument(reference)

    def _hash_of(self, id_: Json) -> str:
        try:
            return self._hashes[id_]
        except (KeyError, TypeError):
            if not isinstance(id_, int):
                raise SchemaError(f"an event refers to {id_!r}") from None
        if len(self._hashes) > _MAX_HASHES:
            self._hashes.clear()
        self._hashes |= self._contents.hashes_near(id_)
        return self._hashes[id_]

    def name(self, id_: Json) -> str:
        """Return the name with this number. Raises SchemaError if there is none."""
        try:
            return self._names[id_]
        except (KeyError, TypeError):
            if not isinstance(id_, int):
                raise SchemaError(f"an event refers to {id_!r}") from None
        self._read_names()
        if id_ not in self._names:
            raise SchemaError(f"there is no name {id_}")
        return self._names[id_]

    def find_name(self, name: str) -> int | None:
        """Return the number of a name; None if the file does not have it."""
        if name not in self._name_ids:
            self._read_names()
        return self._name_ids.get(name)

    def _read_names(self) -> None:
        query = "SELECT id, name FROM names WHERE id > ?"
        self._names |= self._connection.execute(query, (max(self._names, default=0),)).fetchall()
        self._name_ids = {name: id_ for id_, name in self._names.items()}

    def _layout(self, layout: int) -> tuple[KindFormat, ...]:
        if layout not in self._layouts:
            query = "SELECT place, kind FROM layouts WHERE layout = ? ORDER BY place"
            places = self._connection.execute(query, (layout,)).fetchall()
            if not places or [place for place, _ in places] != list(range(len(places))):
                raise SchemaError(f"the layout {layout} of a row of the log is incomplete")
            self._layouts[layout] = tuple(self._kind(kind) for _, kind in places)
        return self._layouts[layout]

    def _kind(self, id_: int) -> KindFormat:
        if id_ not in self._kinds:
            row = self._connection.execute("SELECT kind, fields FROM kinds WHERE id = ?", (id_,)).fetchone()
            if row is None:
                raise SchemaError(f"there is no kind {id_} of events")
            kind, fields = row
            if (event := EVENT_CLASS_BY_KIND.get(kind)) is None:
                raise SchemaError(f"an event of the log cannot be read (kind {kind!r} is unknown)")
            stored = tuple((name, storage) for name, storage in json.loads(fields))
            if stored != tuple(stored_fields(event).items())[: len(stored)]:
                raise SchemaError(f"an event of the log cannot be read (kind {kind!r} has other fields)")
            resolve = {"name": self.name, "content": self._hash_of, "text": self._text_of}
            referring = tuple((i, resolve[storage]) for i, (_, storage) in enumerate(stored) if storage != "value")
            positions = {name: index for index, name in enumerate(stored_fields(event))}
            covered = tuple((name, positions[name]) for name in digested_fields(kind))
            self._kinds[id_] = KindFormat(id_, event, stored, referring, default_values(event), covered)
        return self._kinds[id_]

    # -- writing ------------------------------------------------------------------------------------------------

    def encode(self, event: Event, arguments: Mapping[str, ArgumentReference]) -> tuple[int, list[Json]]:
        """Return the number of an event's kind, and its values as they are stored.

        Args:
            event: The event.
            arguments: References to texts that need not be stored again, by the text.
        """
        kind = self._kind_of_event.get(type(event)) or self._find_or_add_kind(type(event))
        values: list[Json] = []
        for name, storage in kind.fields:
            value = getattr(event, name)
            if isinstance(value, str):
                match storage:
                    case "name":
                        value = self.name_id(value)
                    case "content":
                        value = self._contents.id_of(value) or value
                    case "text":
                        value = arguments.get(value, value)
            values.append(value)
        while values and values[-1] is None and kind.defaults[len(values) - 1] is None:
            values.pop()
        return kind.id, values

    def name_id(self, name: str) -> int:
        """Return the number of a name, which is added if it is new."""
        id_ = self._name_ids.get(name) or self.find_name(name)
        if id_ is None:
            id_ = self._insert("INSERT INTO names (name) VALUES (?)", name)
            self._names[id_], self._name_ids[name] = name, id_
        return id_

    def layout_id(self, kinds: tuple[int, ...]) -> int:
        """Return the number of a sequence of kinds, which is added if it is new."""
        if not self._layout_ids:
            found: dict[int, list[int]] = {}
            for layout, kind in self._connection.execute("SELECT layout, kind FROM layouts ORDER BY layout, place"):
                found.setdefault(layout, []).append(kind)
            self._layout_ids = {tuple(kinds): layout for layout, kinds in found.items()}
        if kinds not in self._layout_ids:
            layout = max(self._layout_ids.values(), default=0) + 1
            rows = [(layout, place, kind) for place, kind in enumerate(kinds)]
            self._connection.executemany("INSERT INTO layouts VALUES (?, ?, ?)", rows)
            self._layout_ids[kinds] = layout
        return self._layout_ids[kinds]

    def _find_or_add_kind(self, event: type[Event]) -> KindFormat:
        fields = json.dumps(list(stored_fields(event).items()), separators=(",", ":"))
        query = "SELECT id FROM kinds WHERE kind = ? AND fields = ?"
        row = self._connection.execute(query, (event.kind, fields)).fetchone()
        insert = "INSERT INTO kinds (kind, fields) VALUES (?, ?)"
        kind = self._kind(row[0] if row is not None else self._insert(insert, event.kind, fields))
        self._kind_of_event[event] = kind
        return kind

    def _insert(self, statement: str, *values: str) -> int:
        return self._connection.execute(statement, values).lastrowid or 0


@lru_cache(maxsize=16)  # the events of a row have one time
def time_text(milliseconds: int) -> str:
    """Return a time, given in milliseconds since 1970, as ISO 8601, UTC."""
    return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds")


def milliseconds_of(time: str) -> int:
    """Return a time, ISO 8601, in milliseconds since 1970. Raises ValueError if it is none."""
    return (datetime.fromisoformat(time) - _EPOCH) // timedelta(milliseconds=1)
