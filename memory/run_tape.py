"""The tape: the events that a run file had when it was opened, for a run that is re-executed.

Resume, replay and fork re-execute a run from the start. Each new event is compared with the recorded event at its
position. Model replies and evaluator scores are taken from the tape, so nothing is paid for or measured twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from aarlab.memory.events import (
    AUDIT,
    Evaluation,
    Event,
    Experiment,
    FailedModelCall,
    LimitReached,
    LogEntry,
    MessageEdited,
    ModelCall,
    Panel,
    Prompted,
    Role,
)
from aarlab.memory.messages import Message
from aarlab.memory.run_reader import RunReader
from aarlab.memory.schema_sql import MAX_EVENTS_PER_ROW

E = TypeVar("E", bound=Event)

_ROWS_PER_READ = 50


class Divergence(RuntimeError):
    """The re-executed run differs from the recorded one."""

    def __init__(
        self,
        recorded: LogEntry | None,
        stream: str,
        ordinal: int,
        round: int,
        actual: str | LogEntry,
        contents: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the first difference.

        Args:
            recorded: The recorded event; None if the recording ends there.
            stream: Stream of the event.
            ordinal: Position in the stream.
            round: Round of the re-executed run.
            actual: The event of the re-executed run, or a description of what it would do.
            contents: Texts, and messages as JSON, that the two events refer to, by hash.
        """
        self.recorded, self.stream, self.ordinal, self.round = recorded, stream, ordinal, round
        self.actual, self.contents = actual, contents or {}
        recorded_kind = "nothing" if recorded is None else recorded.event.kind
        actual_kind = actual if isinstance(actual, str) else actual.event.kind
        super().__init__(f"{stream}, round {round}, event {ordinal}: recorded {recorded_kind}, now {actual_kind}")


class EndOfTape(Divergence):
    """A replayed run would continue after the end of the recording."""

    def __init__(self, stream: str, ordinal: int, round: int, actual: str | LogEntry) -> None:
        """Describe the end: its position, and the event that would follow or a description of it."""
        super().__init__(None, stream, ordinal, round, actual)


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """What is recorded of a model call: its failed attempts and its outcome."""

    failed: tuple[FailedModelCall, ...]
    outcome: ModelCall | LimitReached | Prompted | None
    """None if the run was interrupted before a reply; a summariser's prompt if the conversation was too long."""


class Tape:
    """The events that a run file had when it was opened."""

    def __init__(self, file: RunReader) -> None:
        """Read what a file has now; `file` must not be a log that is replayed."""
        self._file = file
        self._length = {stream: length for stream, length in file.stream_lengths().items() if stream != AUDIT}
        self._cache: dict[str, dict[int, tuple[LogEntry, int]]] = {}
        """By stream, the events from the current position on and their places in their rows, by ordinal."""

    @property
    def events(self) -> int:
        """Number of events."""
        return sum(self._length.values())

    def length(self, stream: str) -> int:
        """Return the number of events of a stream."""
        return self._length.get(stream, 0)

    @property
    def streams(self) -> list[str]:
        """The streams, in alphabetical order."""
        return sorted(self._length)

    def entry_and_place(self, stream: str, ordinal: int) -> tuple[LogEntry, int] | None:
        """Return the event at a position, and its place in its row of the log; None after the end of the stream."""
        if ordinal >= self.length(stream):
            return None
        events = self._cache.get(stream, {})
        if ordinal not in events:
            # Streams are read in order, and a query for many rows costs little more than one for a single row.
            values = [ordinal - MAX_EVENTS_PER_ROW]
            rows = self._file.stored_events("ordinal > ?", values, stream=stream, order="ordinal", limit=_ROWS_PER_READ)
            events = {
                event.ordinal: (self._file.entry_of(event), event.place) for event in rows if event.ordinal >= ordinal
            }
            self._cache[stream] = events
        return events.get(ordinal)

    def entry(self, stream: str, ordinal: int) -> LogEntry | None:
        """Return the event at a position; None after the end of the stream."""
        recorded = self.entry_and_place(stream, ordinal)
        return None if recorded is None else recorded[0]

    def edited_message(self, stream: str, ordinal: int) -> Message | None:
        """Return the message that an agent gets at a position if a person edited it there; else None."""
        if (stream, ordinal + 1) not in self._edits:
            return None
        entry = self.entry(stream, ordinal)
        return self._file.message(entry.event.message) if entry and isinstance(entry.event, Prompted) else None

    def edit_note(self, stream: str, ordinal: int) -> MessageEdited | None:
        """Return the note at a position that the message before it was edited; None if another event is there."""
        return self._edits.get((stream, ordinal))

    def call(self, stream: str, ordinal: int, round: int, role: Role) -> RecordedCall:
        """Return the model call that starts at a position.

        Raises:
            Divergence: Another event is recorded there.
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
        """Return an experiment by its id, with its score if it has one; None if it is not recorded."""
        experiment = self._experiments.get(name)
        return None if experiment is None else (experiment, self._development.get(name))

    def score(self, subject: str, panel: Panel, worlds: int, task: str | None) -> Evaluation | None:
        """Return the evaluation of a method on a panel (0 worlds if the method failed); None if it is not recorded."""
        return self._scores.get((subject, panel, worlds, task)) or self._scores.get((subject, panel, 0, task))

    @cached_property
    def _edits(self) -> dict[tuple[str, int], MessageEdited]:
        if not self._length:
            return {}
        return {(entry.stream, entry.ordinal): entry.event for entry in self._file.entries(MessageEdited)}

    @cached_property
    def _experiments(self) -> dict[str, Experiment]:
        return {event.id: event for event in self._events_of(Experiment)}

    @cached_property
    def _development(self) -> dict[str, Evaluation]:
        return {score.subject: score for score in self._evaluations if score.panel == "development"}

    @cached_property
    def _scores(self) -> dict[tuple[str, Panel, int, str | None], Evaluation]:
        return {(score.subject, score.panel, score.worlds, score.task): score for score in self._evaluations}

    @cached_property
    def _evaluations(self) -> list[Evaluation]:
        return self._events_of(Evaluation)

    def _events_of(self, kind: type[E]) -> list[E]:
        if not self._length:
            return []
        return [entry.event for entry in self._file.entries(kind)]
