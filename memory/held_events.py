"""Events of a log in memory, for measures and checks that read the same events many times."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import attrgetter
from typing import Final

from aarlab.memory.events import Event, LogEntry

MAX_HELD: Final = 1_000_000
"""Maximum number of events in memory; one takes about half a kilobyte."""


class HeldEvents:
    """All events of a log, in order of arrival and by kind."""

    def __init__(self, entries: Sequence[LogEntry]) -> None:
        """Index the entries of a log."""
        self._all = entries
        self._by_kind: dict[type[Event], list[LogEntry]] = defaultdict(list)
        for entry in entries:
            self._by_kind[type(entry.event)].append(entry)

    @classmethod
    def read(cls, entries: Iterable[LogEntry]) -> "HeldEvents | None":
        """Return the entries of a log; None if there are more than `MAX_HELD`."""
        held = list(islice(entries, MAX_HELD + 1))
        return None if len(held) > MAX_HELD else cls(held)

    def by_stream(self) -> list[LogEntry]:
        """Return all events, ordered by stream, then ordinal."""
        return sorted(self._all, key=attrgetter("stream", "ordinal"))

    def entries(
        self, kinds: Sequence[type[Event]], stream: str | None, round: int | None, after: int
    ) -> Iterator[LogEntry]:
        """Iterate over events as `RunReader.entries` does."""
        candidates: Iterable[LogEntry] = self._all
        if len(kinds) == 1:
            candidates = self._by_kind.get(kinds[0], ())
        elif kinds:
            chosen = set(kinds)
            candidates = (entry for entry in self._all if type(entry.event) in chosen)
        for entry in candidates:
            if (
                entry.id > after
                and (stream is None or entry.stream == stream)
                and (round is None or entry.round == round)
            ):
                yield entry
