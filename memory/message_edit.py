"""A message of a recorded run that a person edits: the point at which a fork leaves its parent."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from aarlab.memory.events import Event, LogEntry, MessageEdited, ModelCall, Prompted
from aarlab.memory.messages import Block, Message, Text
from aarlab.memory.run_file_creation import now
from aarlab.memory.run_reader import RunReader


class InvalidEdit(ValueError):
    """The message cannot be edited. The error names the problem, `expected` what is possible."""

    def __init__(self, problem: str, expected: str) -> None:
        """Store the problem and what is possible instead."""
        super().__init__(problem)
        self.expected = expected


@dataclass(frozen=True, slots=True)
class MessageEdit:
    """An edited message, in place of the one of a recorded event."""

    entry: LogEntry
    """The recorded event."""
    event: Event
    """The event with the edited message."""
    message: Message
    """The edited message."""
    original: str
    """Hash of the recorded message."""

    @classmethod
    def of(cls, file: RunReader, stream: str, step: int, text: str) -> "MessageEdit":
        """Return the edit that gives a message to a researcher, or a reply of it, another text.

        Thoughts and tool calls of the message stay.

        Args:
            file: The recorded run.
            stream: Name of the researcher.
            step: Position of the message in its stream, from 0.
            text: The text of the message.

        Raises:
            InvalidEdit: There is no such message, it cannot be edited, or the text is empty or not another one.
        """
        entry = next(file.stream_range(stream, step, step), None)
        if entry is None:
            researchers, length = file.researchers(), file.stream_lengths().get(stream, 0)
            expected = (
                f"a step from 0 to {length - 1}" if length else f"one of {', '.join(researchers) or 'nobody yet'}"
            )
            raise InvalidEdit(f"the run has no step {step} of {stream!r}", expected)
        shown = f"`aarlab show RUN --agent {stream}` shows their steps"
        event, choice = entry.event, f"a message to a researcher, or a reply of it, with a text; {shown}"
        if not isinstance(event, Prompted | ModelCall) or event.role != "researcher":
            raise InvalidEdit(f"step {step} of {stream} is no message to or from a researcher ({event.kind})", choice)
        if isinstance(event, ModelCall) and event.model.startswith("agent/"):
            raise InvalidEdit("an outside agent does not read its replies again", "a message to the researcher")
        original = event.message if isinstance(event, Prompted) else event.reply
        message = file.message(original)
        if not any(isinstance(block, Text) for block in message.blocks):
            raise InvalidEdit(f"step {step} of {stream} has no text, only calls of tools or their results", choice)
        if not text.strip() or text == message.text:
            raise InvalidEdit("the text is empty or the one that is recorded", "another text")
        edited = Message(message.speaker, tuple(_with_text(message.blocks, text)))
        if isinstance(event, Prompted):
            return cls(entry, replace(event, message=edited.key), edited, original)
        return cls(entry, replace(event, reply=edited.key), edited, original)

    def applied_to(self, entries: Iterable[LogEntry]) -> Iterator[LogEntry]:
        """Yield entries of the parent in order of arrival up to the edited one, which is followed by the note of it."""
        for entry in entries:
            if entry.id != self.entry.id:
                yield entry
                continue
            yield entry._replace(event=self.event)
            note = MessageEdited(self.original)
            yield entry._replace(id=entry.id + 1, ordinal=entry.ordinal + 1, event=note, at=now())
            return


def _with_text(blocks: Iterable[Block], text: str) -> Iterator[Block]:
    """Yield blocks with a text in place of the first text; other texts are left out."""
    texts = iter((Text(text),))
    for block in blocks:
        if not isinstance(block, Text):
            yield block
        elif (edited := next(texts, None)) is not None:
            yield edited
