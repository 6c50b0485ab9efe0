"""Events of a log in memory, for measures and checks that read the same events many times."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from operator import attrgetter
from typing import Final

from aarlab.memory.events import Event, LogEntry

MAX_HELD: Final = 500_000
"""Maximum number of events in memory; one takes about half a kilobyte."""


class HeldEvents:
    """The events of a log by kind, without the most frequent kinds if there are too many."""

    def __init__(self, entries: Iterable[LogEntry], max_held: int) -> None:
        """Read the entries of a log, and hold those of as many kinds as fit into `max_held` events."""
        self._by_kind: dict[type[Event], list[LogEntry]] = defaultdict(list)
        self._not_held: set[type[Event]] = set()
        self.hours_by_stream: dict[str, float] = {}
        """Research hours that each stream has reached."""
        count = 0
        for entry in entries:
            kind = type(entry.event)
            self.hours_by_stream[entry.stream] = max(self.hours_by_stream.get(entry.stream, 0.0), entry.hours)
            if kind in self._not_held:
                continue
            self._by_kind[kind].append(entry)
            count += 1
            if count > max_held:
                largest = max(self._by_kind, key=lambda kind: len(self._by_kind[kind]))
                count -= len(self._by_kind.pop(largest))
                self._not_held.add(largest)

    def has(self, kinds: Sequence[type[Event]]) -> bool:
        """Return whether all events of these kinds are held; of all kinds, if none is given."""
        return self._not_held.isdisjoint(kinds) if kinds else not self._not_held

    def by_stream(self) -> list[LogEntry]:
        """Return all held events, ordered by stream, then ordinal."""
        streams: dict[str, list[LogEntry]] = defaultdict(list)
        for entry in self._in_order:
            streams[entry.stream].append(entry)
        # The events of a stream arrive in their order, unless the file was altered, so there is little to sort.
        return [entry for name in sorted(streams) for entry in sorted(streams[name], key=attrgetter("ordinal"))]

    @cached_property
    def _in_order(self) -> list[LogEntry]:
        """All held events in order of arrival."""
        return sorted(chain(*self._by_kind.values()), key=attrgetter("id"))

    def entries(
        self, kinds: Sequence[type[Event]], stream: str | None, round: int | None, after: int
    ) -> Iterator[LogEntry]:
        """Iterate over held events as `RunReader.entries` does."""
        chosen = [self._by_kind.get(kind, []) for kind in dict.fromkeys(kinds)]
        candidates = self._in_order
        if kinds:
            candidates = chosen[0] if len(chosen) == 1 else sorted(chain(*chosen), key=attrgetter("id"))
        for entry in candidates:
            if (
                entry.id > after
                and (stream is None or entry.stream == stream)
                and (round is None or entry.round == round)
            ):
                yield entry
