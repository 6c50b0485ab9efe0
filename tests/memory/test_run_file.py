"""The run file: append-only event log, content store, digest, and schema."""

import dataclasses
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aarlab.memory.events import (
    Decision,
    Event,
    Experiment,
    LogEntry,
    NotebookEntry,
    Published,
    RoundStarted,
)
from aarlab.memory.messages import Message, Text, ToolCall, ToolResult, user_message
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter
from aarlab.memory.schema_sql import SCHEMA_VERSION, event_view_sql

Make = Callable[..., RunWriter]

EXPERIMENT = Experiment("r1.e1", "method.py", "c0de", "full", None, 0.5, 0.25, [{"operator": "start"}])
DECISION = Decision("next_step", "run_experiment", "agent")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return a function that creates further run files, by name."""
    files: list[RunWriter] = []

    def make(name: str | None = None, *, seed: int = 7) -> RunWriter:
        path = tmp_path / f"{name or len(files)}.db"
        files.append(RunWriter.create(path, run_id=path.stem, version="0.1.0", seed=seed, scenario={}))
        return files[-1]

    yield make
    for file in files:
        file.close()


def write(file: RunWriter, *entries: tuple[str, Event]) -> RunWriter:
    for stream, event in entries:
        file.append(stream, event, round=1, hours=0.5)
    return file


def sql(file: RunWriter, *statements: str) -> list[tuple[object, ...]]:
    """Run SQL statements on another connection and return the rows of the last one."""
    with closing(sqlite3.connect(file.path)) as connection, connection:
        rows = [connection.execute(statement).fetchall() for statement in statements]
    return rows[-1]


# -- event log ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["UPDATE log SET ordinal = 0", "UPDATE log SET data = '[]'", "DELETE FROM log"])
def test_events_cannot_be_updated_or_deleted(file: RunWriter, change: str) -> None:
    write(file, ("r1", DECISION))
    with pytest.raises(sqlite3.IntegrityError, match="events are append-only"):
        sql(file, change)
    assert [entry.event for entry in file.entries()] == [DECISION]


@pytest.mark.parametrize("max_held", [9, 3, 0])
def test_held_events_are_those_of_the_file(file: RunWriter, max_held: int) -> None:
    write(file, ("r1", DECISION), ("r2", EXPERIMENT), ("r1", EXPERIMENT), ("r1", RoundStarted(1.0)))
    kinds: tuple[tuple[type[Event], ...], ...] = ((), (Experiment,), (Experiment, Decision), (Published,))
    filters: tuple[dict[str, Any], ...] = ({}, {"stream": "r1"}, {"after": 2}, {"stream": "r1", "round": 1, "after": 1})
    queries = [(chosen, filter_) for chosen in kinds for filter_ in filters]
    read = [list(file.entries(*chosen, **filter_)) for chosen, filter_ in queries]
    digest = file.digest()
    with file.hold_events(max_held):
        assert [list(file.entries(*chosen, **filter_)) for chosen, filter_ in queries] == read
        assert file.digest() == digest
    write(file, ("r1", DECISION))
    assert len(list(file.entries())) == 5


def test_ordinals_start_at_zero_in_each_stream(file: RunWriter) -> None:
    write(file, ("r1", DECISION), ("r2", DECISION), ("r1", EXPERIMENT))
    assert [(entry.stream, entry.ordinal) for entry in file.entries()] == [("r1", 0), ("r2", 0), ("r1", 1)]


def test_ordinal_is_unique_in_a_stream(file: RunWriter) -> None:
    write(file, ("r1", DECISION))
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        sql(file, "INSERT INTO log SELECT NULL, stream, ordinal, round, at, layout, data FROM log")


def test_create_never_overwrites_a_file(make: Make) -> None:
    write(make("run"), ("r1", DECISION))
    with pytest.raises(FileExistsError, match=r"run\.db already exists"):
        make("run")


def test_entries_filter_by_kind_stream_and_position(file: RunWriter) -> None:
    first, second, third = (
        file.append(stream, event, round=1, hours=0.0)
        for stream, event in (("r1", DECISION), ("r2", DECISION), ("r1", EXPERIMENT))
    )
    assert list(file.entries(Experiment)) == [third]
    assert list(file.entries(Decision, Experiment)) == [first, second, third]
    assert list(file.entries(stream="r1")) == [first, third]
    assert list(file.entries(Decision, stream="r2")) == [second]
    assert list(file.entries(after=first.id)) == [second, third]
    assert list(file.entries(Published)) == []


def test_hours_are_rounded_to_microhours(file: RunWriter) -> None:
    assert file.append("r1", DECISION, round=1, hours=0.1 + 0.2).hours == 0.3


def test_listeners_receive_every_event_once_written(file: RunWriter) -> None:
    received: list[LogEntry] = []
    write(file, ("r1", DECISION))
    file.on_event(received.append)
    write(file, ("r2", EXPERIMENT))
    assert received == list(file.entries(stream="r2"))


def test_atomic_block_becomes_visible_at_once(file: RunWriter) -> None:
    with RunReader.open(file.path) as reader:
        with file.atomic():
            write(file, ("r1", DECISION), ("r1", EXPERIMENT))
            assert list(reader.entries()) == []
        assert len(list(reader.entries())) == 2


# -- messages and texts ---------------------------------------------------------------------------------------------


def test_messages_and_texts_are_stored_once(file: RunWriter) -> None:
    assert len({file.store_message(user_message("Begin.")) for _ in range(3)}) == 1
    assert len({file.store_text("def method(world): ...") for _ in range(3)}) == 1
    assert [stored.speaker for stored in file.contents()] == ["user", None]


def test_message_hash_depends_on_speaker(file: RunWriter) -> None:
    blocks = (Text("Begin."),)
    assert file.store_message(Message("user", blocks)) != file.store_message(Message("assistant", blocks))


def test_stored_message_round_trips(file: RunWriter) -> None:
    tool_call = ToolCall("t1", "write_file", {"path": "method.py", "text": "ä\x00\n"})
    for message in (Message("assistant", (Text("So."), tool_call)), Message("user", (ToolResult("t1", "{}", True),))):
        assert file.message(file.store_message(message)) == message


def test_stored_text_round_trips(file: RunWriter) -> None:
    assert file.text(file.store_text("ä\x00\r\n")) == "ä\x00\r\n"


def test_missing_content_error_names_the_hash(file: RunWriter) -> None:
    with pytest.raises(KeyError, match="no message beef"):
        file.message("beef")
    with pytest.raises(KeyError, match="no text beef"):
        file.text("beef")


# -- table runs -----------------------------------------------------------------------------------------------------


def test_status_is_running_until_finish(file: RunWriter) -> None:
    before = file.info()
    assert (before.run_id, before.seed, before.scenario) == ("run", 7, {"name": "toy"})
    assert (before.status, before.summary) == ("running", None)
    file.finish("done", {"digest": file.digest()})
    assert file.info() == dataclasses.replace(before, status="done", summary={"digest": file.digest()})


def test_sandbox_mode_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    RunWriter.create(path, run_id="run", version="0.1.0", seed=7, scenario={}, sandbox="none").close()
    with RunReader.open(path) as file:
        assert file.info().sandbox == "none"


# -- digest ---------------------------------------------------------------------------------------------------------

streams = st.fixed_dictionaries(
    {name: st.lists(st.builds(NotebookEntry, st.sampled_from("abc")), max_size=4) for name in ("r1", "r2", "team")}
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(streams, st.data())
def test_digest_ignores_interleaving_of_streams(
    make: Make, streams: dict[str, list[NotebookEntry]], data: st.DataObject
) -> None:
    in_order = [(name, event) for name, events in streams.items() for event in events]
    order = data.draw(st.permutations([name for name, _ in in_order]))
    remaining = {name: iter(events) for name, events in streams.items()}
    interleaved = [(name, next(remaining[name])) for name in order]
    assert write(make(), *interleaved).digest() == write(make(), *in_order).digest()


def test_digest_depends_on_order_within_stream(make: Make) -> None:
    assert write(make(), ("r1", DECISION), ("r1", EXPERIMENT)).digest() != (
        write(make(), ("r1", EXPERIMENT), ("r1", DECISION)).digest()
    )


def test_digest_ignores_wall_clock_and_run_id(make: Make) -> None:
    older, newer = (write(make(), ("r1", DECISION)) for _ in range(2))
    sql(older, "DROP TRIGGER log_rejects_updates", "UPDATE log SET at = 0")
    newer.finish("done", {"wall_clock_s": 12.5})
    assert next(older.entries()).at.startswith("1970")
    assert older.info().run_id != newer.info().run_id
    assert older.digest() == newer.digest()


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Experiment)])
def test_digest_depends_on_all_fields_but_measured_times(make: Make, field: str) -> None:
    other_value: Any = "another value"
    changed = dataclasses.replace(EXPERIMENT, **{field: other_value})
    equal = write(make(), ("r1", changed)).digest() == write(make(), ("r1", EXPERIMENT)).digest()
    assert equal == (field in ("device", "seconds")) == (changed == EXPERIMENT)


@pytest.mark.parametrize(
    ("stream", "event", "round", "hours"),
    [
        ("r2", DECISION, 1, 0.5),
        ("r1", RoundStarted(4.0), 1, 0.5),
        ("r1", DECISION, 2, 0.5),
        ("r1", DECISION, 1, 0.6),
    ],
    ids=["stream", "kind", "round", "hours"],
)
def test_digest_depends_on_event_position(make: Make, stream: str, event: Event, round: int, hours: float) -> None:
    moved = make()
    moved.append(stream, event, round=round, hours=hours)
    assert moved.digest() != write(make(), ("r1", DECISION)).digest()


# -- reading and schema ---------------------------------------------------------------------------------------------


def test_run_can_be_read_while_written(file: RunWriter) -> None:
    with RunReader.open(file.path) as reader:
        for count in range(1, 4):
            write(file, ("r1", DECISION))
            assert len(list(reader.entries())) == count
            assert reader.digest() == file.digest()
        assert reader.info().status == "running"


def test_reader_connection_is_read_only(file: RunWriter) -> None:
    with RunReader.open(file.path) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("INSERT INTO names VALUES (99, 'name')")


def test_missing_file_raises_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nowhere\.db"):
        RunReader.open(tmp_path / "nowhere.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"just some notes\n" * 100], ids=["empty", "notes"])
def test_non_database_file_is_rejected(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.db"
    path.write_bytes(content)
    with pytest.raises(SchemaError, match=r"notes\.db is not a run file"):
        RunReader.open(path)


def _kill_in_transaction(path: Path) -> Path:
    """Leave a rollback journal beside a file, and return its path."""
    # The journal of a transaction is written to disk before the first changed page that does not fit into the cache.
    killed = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
for number in range(200):
    connection.execute("INSERT INTO names VALUES (?, ?)", (number + 1000, "x" * 3000))
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", killed, path], check=False)
    return path.with_name(f"{path.name}-journal")


def test_transaction_of_a_killed_process_is_rolled_back(file: RunWriter) -> None:
    write(file, ("r1", DECISION))
    file.finish("done")
    file.close()
    assert _kill_in_transaction(file.path).exists()
    with RunReader.open(file.path) as reader:
        assert [entry.event for entry in reader.entries()] == [DECISION]
    assert sql(file, "SELECT count(*) FROM names WHERE id >= 1000") == [(0,)]


def test_journal_that_names_another_file_is_refused(file: RunWriter) -> None:
    file.finish("done")
    file.close()
    with _kill_in_transaction(file.path).open("ab") as journal:
        journal.write(bytes.fromhex("d9d505f920a163d7"))
    link = file.path.with_name("link") / "run.db"
    link.parent.mkdir()
    link.symlink_to(file.path)
    for path in (file.path, link):
        with pytest.raises(SchemaError, match="names another file"):
            RunReader.open(path)


def test_unrelated_database_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(SchemaError, match=r"other\.db is not a run file \(it has no tables 'runs' and 'log'\)"):
        RunReader.open(path)


def test_earlier_schema_is_refused_with_fix(file: RunWriter) -> None:
    sql(file, "DROP TABLE _sqlite_migrations")
    with pytest.raises(
        SchemaError, match=r"has schema version 0, written by aarlab 0\.1\.0; .* the aarlab that wrote it"
    ):
        RunReader.open(file.path)


def test_later_schema_is_refused_with_fix(file: RunWriter) -> None:
    sql(file, f"UPDATE _sqlite_migrations SET name = 'm{SCHEMA_VERSION + 1:03}_next'")
    with pytest.raises(SchemaError, match=rf"has schema version {SCHEMA_VERSION + 1}, .* the aarlab that wrote it"):
        RunReader.open(file.path)


def test_changed_views_are_recreated_when_a_run_is_resumed(file: RunWriter) -> None:
    write(file, ("r1", DECISION))
    file.close()
    earlier = event_view_sql("decisions", [("finding", "value")])
    sql(file, "DROP VIEW decisions", "DROP VIEW edges", earlier)
    ReplayingLog.resume(file.path).close()
    assert sql(file, "SELECT choice FROM decisions") == [(DECISION.choice,)]
    assert sql(file, "SELECT * FROM edges") == []
