"""Events: log round trip, SQL views and registration."""

import dataclasses
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarlab.memory.events import EVENT_CLASS_BY_KIND, CallDecision, Event, Experiment, QuestionAsked
from aarlab.memory.run_writer import RunWriter

numbers = st.floats(allow_nan=False, allow_infinity=False)
# The integers of SQLite.
counts = st.integers(-(2**63), 2**63 - 1)
st.register_type_strategy(float, numbers)
st.register_type_strategy(int, counts)

records = st.dictionaries(st.text(), st.text() | numbers | counts | st.lists(st.text(), max_size=2))
json_fields: dict[type[Event], dict[str, st.SearchStrategy[Any]]] = {
    Experiment: {"log": st.lists(records, max_size=2)},
    QuestionAsked: {"call": st.none() | records},
    CallDecision: {"arguments": st.none() | records},
}


def events_of(kind: type[Event]) -> st.SearchStrategy[Event]:
    return st.builds(kind, **json_fields.get(kind, {}))


events = st.one_of([events_of(kind) for kind in EVENT_CLASS_BY_KIND.values()])


@pytest.fixture(scope="module")
def log() -> Iterator[RunWriter]:
    """Yield one run file for all examples."""
    with (
        tempfile.TemporaryDirectory() as folder,
        RunWriter.create(Path(folder) / "run.db", run_id="run", version="0.1.0", seed=7, scenario={}) as file,
    ):
        yield file


@given(event=events)
def test_event_round_trips_through_the_log(log: RunWriter, event: Event) -> None:
    written = log.append("r1", event, round=1, hours=0.5)
    (read,) = log.entries(after=written.id - 1)
    assert read == written
    assert read.event == event
    assert type(read.event) is type(event)


def example(kind: type[Event]) -> Event:
    """Return an event of a kind, with different values in its fields where their types allow it."""
    return kind(*(sample(position, field) for position, field in enumerate(dataclasses.fields(kind))))


def sample(position: int, field: "dataclasses.Field[Any]") -> object:
    if field.name == "log":
        return [{"operator": "start", "agreement": 0.75}]
    of_type: dict[Any, object] = {bool: True, int: position, float: position + 0.5}
    return of_type.get(field.type, f"text {position}")


def shown(value: object) -> object:
    """Return a field's value as in a view: lists as JSON. (True and False equal 1 and 0.)"""
    return json.dumps(value, separators=(",", ":"), sort_keys=True) if isinstance(value, list) else value


@pytest.mark.parametrize("kind", EVENT_CLASS_BY_KIND.values(), ids=lambda kind: kind.kind)
def test_every_event_kind_has_a_view_with_its_fields(log: RunWriter, kind: type[Event]) -> None:
    event = example(kind)
    entry = log.append("r2", event, round=3, hours=1.25)
    with closing(sqlite3.connect(log.path)) as connection:
        connection.row_factory = sqlite3.Row
        (row,) = connection.execute(f"SELECT * FROM {kind.kind} WHERE event = ?", (entry.id,))
    names = [field.name for field in dataclasses.fields(kind)]
    assert row.keys() == ["event", "stream", "ordinal", "round", "hours", *names, "at"]
    assert (row["stream"], row["round"], row["hours"]) == ("r2", 3, 1.25)
    assert [row[name] for name in names] == [shown(getattr(event, name)) for name in names]


def test_every_event_class_is_registered_once() -> None:
    assert {kind.__name__ for kind in EVENT_CLASS_BY_KIND.values()} == {
        kind.__name__ for kind in Event.__subclasses__()
    }
    assert all(kind.kind == name and hasattr(kind, "__slots__") for name, kind in EVENT_CLASS_BY_KIND.items())


def test_two_event_classes_cannot_share_a_kind() -> None:
    with pytest.raises(TypeError, match="Other has the event kind 'decisions' of Decision"):
        type("Other", (Event,), {"kind": "decisions"})
