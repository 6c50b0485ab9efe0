"""The tape: what a run file holds already, for a run that happens again.

A run is resumed, replayed or forked by letting it happen again from the start. Each event then finds its place in the
log taken: if what stands there is the same, it has happened, if not, the two runs part. What cost something, replies of
base models and scores of the evaluator, is found here instead of being paid for again.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from aarlab.memory.events import (
    Evaluation,
    Event,
    Experiment,
    FailedModelCall,
    LimitReached,
    LogEntry,
    ModelCall,
    Panel,
    Prompted,
    Role,
    decode_event,
)

E = TypeVar("E", bound=Event)


class Divergence(RuntimeError):
    """A run that happens again is not the run that is on tape."""

    def __init__(
        self,
        recorded: LogEntry | None,
        stream: str,
        ordinal: int,
        round: int,
        actual: str | LogEntry,
        contents: Mapping[str, str] | None = None,
    ) -> None:
        """Take what is on tape at a place, None if it ends there, and what happened there now: an event, or in words.

        `contents` are the texts, and the messages as JSON, that the two events point to, by hash.
        """
        self.recorded, self.stream, self.ordinal, self.round = recorded, stream, ordinal, round
        self.actual, self.contents = actual, contents or {}
        recorded_kind = "nothing" if recorded is None else recorded.event.kind
        actual_kind = actual if isinstance(actual, str) else actual.event.kind
        super().__init__(f"{stream}, round {round}, event {ordinal}: on tape {recorded_kind}, now {actual_kind}")


class EndOfTape(Divergence):
    """A run that is replayed would go on where the tape has nothing more."""

    def __init__(self, stream: str, ordinal: int, round: int, actual: str | LogEntry) -> None:
        """Take the place behind the last event of a stream, and what would happen there."""
        super().__init__(None, stream, ordinal, round, actual)


_RecordedRow = tuple[int, int, float, str, str, str]
"""Id, round, hours, kind, JSON and time of an event."""
_ROWS_PER_READ = 100


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """What the tape holds of a call of a base model: the attempts that failed, and how it ended."""

    failed: tuple[FailedModelCall, ...]
    outcome: ModelCall | LimitReached | Prompted | None
    """None: the run broke off before there was an answer. What a summariser was told: the conversation was too long."""


class Tape:
    """The events that a file held when it was opened, for those who let them happen again."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read on an open connection."""
        self._connection = connection
        query = "SELECT stream, count(*) FROM events GROUP BY stream"
        self._length: dict[str, int] = dict(connection.execute(query).fetchall())
        self._row_cache: dict[str, tuple[int, list[_RecordedRow]]] = {}
        """By stream, the rows around its present place, and the ordinal of the first."""

    @property
    def events(self) -> int:
        """How many events there are."""
        return sum(self._length.values())

    def length(self, stream: str) -> int:
        """Return the number of events of a stream."""
        return self._length.get(stream, 0)

    @property
    def streams(self) -> list[str]:
        """The streams, in alphabetical order."""
        return sorted(self._length)

    def row(self, stream: str, ordinal: int) -> _RecordedRow | None:
        """Return what stands at a place; None where the tape ends."""
        if ordinal >= self.length(stream):
            return None
        first, rows = self._row_cache.get(stream, (0, []))
        if not first <= ordinal < first + len(rows):
            # Streams are read from their beginnings to their ends: many rows at a time cost hardly more than one.
            query = "SELECT id, round, hours, kind, data, at FROM events WHERE stream = ? AND ordinal >= ? "
            rows = self._connection.execute(
                f"{query} ORDER BY ordinal LIMIT ?", (stream, ordinal, _ROWS_PER_READ)
            ).fetchall()
            first, _ = self._row_cache[stream] = ordinal, rows
        return rows[ordinal - first]

    def entry(self, stream: str, ordinal: int) -> LogEntry | None:
        """Return what stands at a place; None where the tape ends."""
        row = self.row(stream, ordinal)
        if row is None:
            return None
        id_, round_, hours, kind, data, at = row
        return LogEntry(id_, stream, ordinal, round_, hours, decode_event(kind, data), at)

    def call(self, stream: str, ordinal: int, round: int, role: Role) -> RecordedCall:
        """Return the call of a base model that begins at a place.

        Raises:
            Divergence: Something else happened there.
        """
        failed: list[FailedModelCall] = []
        while (entry := self.entry(stream, ordinal + len(failed))) is not None:
            match entry.event:
                case FailedModelCall() as attempt:
                    failed.append(attempt)
                case ModelCall() | LimitReached() as outcome:
                    return RecordedCall(tuple(failed), outcome)
                case Prompted(role="summariser") as outcome if role == "researcher":
                    return RecordedCall(tuple(failed), outcome)
                case _:
                    raise Divergence(entry, stream, entry.ordinal, round, f"a call of the {role}'s base model")
        return RecordedCall(tuple(failed), None)

    def experiment(self, name: str) -> tuple[Experiment, Evaluation | None] | None:
        """Return an experiment by its id, with its score if it has one; None if it is not on tape."""
        found = self._experiments.get(name)
        return None if found is None else (found, self._development.get(name))

    def score(self, subject: str, panel: Panel, worlds: int, task: str | None) -> Evaluation | None:
        """Return the score of a method on so many worlds of a panel, or that it failed there; None if not on tape."""
        return self._scores.get((subject, panel, worlds, task)) or self._scores.get((subject, panel, 0, task))

    @cached_property
    def _experiments(self) -> dict[str, Experiment]:
        return {event.id: event for event in self._all(Experiment)}

    @cached_property
    def _development(self) -> dict[str, Evaluation]:
        return {score.subject: score for score in self._evaluations if score.panel == "development"}

    @cached_property
    def _scores(self) -> dict[tuple[str, Panel, int, str | None], Evaluation]:
        return {(score.subject, score.panel, score.worlds, score.task): score for score in self._evaluations}

    @cached_property
    def _evaluations(self) -> list[Evaluation]:
        return self._all(Evaluation)

    def _all(self, kind: type[E]) -> list[E]:
        if not self._length:
            return []
        rows = self._connection.execute("SELECT data FROM events WHERE kind = ? ORDER BY id", (kind.kind,)).fetchall()
        events = (decode_event(kind.kind, data) for (data,) in rows)
        return [event for event in events if isinstance(event, kind)]
