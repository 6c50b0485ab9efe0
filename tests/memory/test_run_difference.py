"""The first event in which streams differ."""

import pytest

from aarlab.memory.events import Event, Nomination, Published
from aarlab.memory.run_difference import first_difference
from aarlab.memory.run_writer import RunWriter


@pytest.mark.parametrize(
    ("last", "step"),
    [
        ([Nomination("f")], None),
        ([Published("f")], 250),
        ([Nomination("g")], 250),
        ([], 250),
        ([Nomination("f")] * 2, 251),
    ],
)
def test_the_first_different_or_missing_event_is_found(file: RunWriter, last: list[Event], step: int | None) -> None:
    same = [Nomination(f"f{number}") for number in range(250)]
    for stream, events in (("r1", [*same, Nomination("f")]), ("r2", [*same, *last])):
        for event in events:
            file.append(stream, event, round=1, hours=1.0)
    assert first_difference(file, "r1", file, "r2") == step


def test_a_stream_that_one_run_lacks_differs_from_the_first_event_on(file: RunWriter) -> None:
    file.append("r1", Nomination("f"), round=1, hours=1.0)
    assert first_difference(file, "r1", file, "r2") == 0
