"""The base class of events, which registers their kinds, and the log entry."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from operator import attrgetter
from types import MappingProxyType, UnionType
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, Union, get_args, get_origin

from typing_extensions import TypeVar

from aarlab.memory.messages import Json, canonical_json

Storage = Literal["value", "name", "content", "text"]
"""How the run file stores a field: as it is; as the number of a name; as the number of the content with this hash; or
as the place of the argument of a tool call that has this text.
"""
Name = Annotated[str, "name"]
"""A short string that many events have, such as a model or a tool."""
ContentHash = Annotated[str, "content"]
"""Hash of a message or a text of the run file."""
AgentText = Annotated[str, "text"]
"""A text that the agent wrote, usually as an argument of its tool call."""
EVENT_CLASS_BY_KIND: dict[str, "type[Event]"] = {}
"""Every event class by its kind, in the order of definition. Subclasses of `Event` add themselves."""


@dataclass(frozen=True, slots=True)
class Event:
    """One record of the event log. Each subclass is one kind of event.

    A field with `compare=False` is measured by the clock and differs between equal runs: no digest covers it.
    """

    kind: ClassVar[str]
    """Name of the event in the log, and of the SQL view that shows its fields as columns."""
    omitted: ClassVar[Mapping[str, Json]] = MappingProxyType({})
    """Fields, later than others, that JSON and digests leave out if they have this value."""

    def __init_subclass__(cls) -> None:
        """Register the class under its kind. Raises TypeError if another class has that kind."""
        # `slots=True` creates a second class of the same name, which replaces the first. `super()` is not called,
        # because it would refer to the first `Event`.
        other = EVENT_CLASS_BY_KIND.get(cls.kind)
        if other is not None and other.__qualname__ != cls.__qualname__:
            raise TypeError(f"{cls.__name__} has the event kind {cls.kind!r} of {other.__name__}; choose another kind")
        EVENT_CLASS_BY_KIND[cls.kind] = cls

    def to_json(self) -> dict[str, Json]:
        """Return the fields as JSON values, without those that are `omitted`."""
        # `__slots__` lists the fields without the cost of `dataclasses.fields`.
        names: tuple[str, ...] = self.__slots__
        return without_omitted(type(self), {name: getattr(self, name) for name in names})

    def digested_json(self) -> dict[str, Json]:
        """Return the fields that digests cover as JSON values."""
        names, values_of = _digested_values(self.kind)
        fields = dict(zip(names, values_of(self), strict=False))
        return without_omitted(type(self), fields) if self.omitted else fields


def without_omitted(event: type[Event], fields: dict[str, Json]) -> dict[str, Json]:
    """Remove the fields of an event that are `omitted`, and return the others."""
    for name, value in event.omitted.items():
        if name in fields and fields[name] == value:
            del fields[name]
    return fields


@cache
def digested_fields(kind: str) -> tuple[str, ...]:
    """Return the names of the fields that digests cover, in alphabetical order, in which they are encoded fastest."""
    return tuple(sorted(field.name for field in fields(EVENT_CLASS_BY_KIND[kind]) if field.compare))


@cache
def _digested_values(kind: str) -> tuple[tuple[str, ...], Callable[[Event], tuple[Json, ...]]]:
    """Return the names in `digested_fields`, and a function that returns their values, and another one."""
    names = digested_fields(kind)
    return names, attrgetter(*names, "kind")  # with a single name it would return no tuple


def digested(stream: str, ordinal: int, round: int, hours: float, kind: str, fields: Mapping[str, Json]) -> bytes:
    """Return what digests cover of an event, given its position and its `digested_json`."""
    position = [stream, ordinal, round, hours, kind, canonical_json(fields)]
    return canonical_json(position).encode() + b"\n"


def stored_fields(event: type[Event]) -> dict[str, Storage]:
    """Return the storage of each field of a kind of event, by name, in their order."""
    return {field.name: _storage(field.type) for field in fields(event)}


def _storage(annotation: Any) -> Storage:
    for part in _parts(annotation):
        if get_origin(part) is Literal:
            return "name"
        if get_origin(part) is Annotated:
            storage: Storage = part.__metadata__[0]
            return storage
    return "value"


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield an annotation, or the members of a union."""
    yield from get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def default_values(event: type[Event]) -> tuple[Json, ...]:
    """Return the default of each field; None for fields without one."""
    return tuple(None if field.default is MISSING else field.default for field in fields(event))


E_co = TypeVar("E_co", bound=Event, covariant=True, default=Event)


class LogEntry(NamedTuple, Generic[E_co]):
    """An event with its position in the log."""

    id: int
    """Grows in the order of arrival."""
    stream: str
    ordinal: int
    """Position in the stream, from 0."""
    round: int
    hours: float
    """Research hours that the stream's agent had used."""
    event: E_co
    at: str
    """Wall-clock time, ISO 8601, UTC."""
