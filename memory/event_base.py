"""The base class of events, which registers their kinds, and the log entry."""

from dataclasses import dataclass
from typing import ClassVar, Generic

from typing_extensions import TypeVar

from aarlab.memory.messages import Json

EVENT_CLASS_BY_KIND: dict[str, "type[Event]"] = {}
"""Every event class by its kind, in the order of definition. Subclasses of `Event` add themselves."""


@dataclass(frozen=True, slots=True)
class Event:
    """One record of the event log. Each subclass is one kind of event."""

    kind: ClassVar[str]
    """Name of the event in the log, and of the SQL view that shows its fields as columns."""

    def __init_subclass__(cls) -> None:
        """Register the class under its kind. Raises TypeError if another class has that kind."""
        # `slots=True` creates a second class of the same name, which replaces the first. `super()` is not called,
        # because it would refer to the first `Event`.
        other = EVENT_CLASS_BY_KIND.get(cls.kind)
        if other is not None and other.__qualname__ != cls.__qualname__:
            raise TypeError(f"{cls.__name__} has the event kind {cls.kind!r} of {other.__name__}; choose another kind")
        EVENT_CLASS_BY_KIND[cls.kind] = cls

    def to_json(self) -> dict[str, Json]:
        """Return the fields as JSON values."""
        # `__slots__` lists the fields without the cost of `dataclasses.fields`.
        names: tuple[str, ...] = self.__slots__
        return {name: getattr(self, name) for name in names}


E_co = TypeVar("E_co", bound=Event, covariant=True, default=Event)


@dataclass(frozen=True, slots=True)
class LogEntry(Generic[E_co]):
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
