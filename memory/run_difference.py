"""The first event in which streams of two runs differ."""

from aarlab.memory.run_reader import RunReader

_PAGE = 100
"""Events that are read at a time."""


def first_difference(file: RunReader, stream: str, other: RunReader, other_stream: str) -> int | None:
    """Return the position of the first event in which two streams differ, or that one of them lacks.

    None if they are equal in rounds, hours, and all that digests cover of the events.
    """
    first = 0
    while True:
        ours, theirs = (
            [(entry.round, entry.hours, entry.event) for entry in one.stream_range(name, first, first + _PAGE - 1)]
            for one, name in ((file, stream), (other, other_stream))
        )
        for offset, (own, foreign) in enumerate(zip(ours, theirs, strict=False)):
            if own != foreign:
                return first + offset
        if len(ours) != len(theirs):
            return first + min(len(ours), len(theirs))
        if not ours:
            return None
        first += _PAGE
