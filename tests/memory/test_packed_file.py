"""Packed run files: smaller, read like any other, and unpacked when they are written."""

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aarlab.memory import packing
from aarlab.memory.events import Finding, LogEntry, ModelCall, Prompted
from aarlab.memory.file_lock import FileLocked
from aarlab.memory.messages import Message, ToolCall, user_message
from aarlab.memory.packed_file import pack_file, unpack_file
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter

CALLS = 200


def body(number: int) -> str:
    return f"Finding {number}: " + "the student agrees with itself more often than with its teacher. " * 6


def record(file: RunWriter) -> None:
    """Append a model call that posts a finding, the finding and the next prompt, several times."""
    for i in range(CALLS):
        reply = Message("assistant", (ToolCall(f"t{i}", "post_finding", {"title": "short", "body": body(i)}),))
        call = ModelCall("researcher", "m", f"{i:032x}", file.store_message(reply), "tool_use", 1, 1, 0.0, 0.1)
        finding = Finding(f"r1.f{i}", "r1", "insight", "short", body(i), "other", None, None, None, None, None)
        prompt = Prompted("researcher", file.store_message(user_message(f"Posted {i}.")))
        for event in (call, finding, prompt):
            file.append("r1", event, round=1, hours=i * 0.1)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Return an unfinished run file with many findings."""
    path = tmp_path / "run.db"
    with RunWriter.create(path, run_id="run", version="0.1.0", seed=7, scenario={}) as file:
        record(file)
    unpack_file(path)  # takes the file out of WAL mode
    return path


def entries(path: Path) -> tuple[list[LogEntry], list[object], str]:
    with RunReader.open(path) as file:
        return list(file.entries()), list(file.contents()), file.digest()


def test_packed_file_is_smaller_and_equal(path: Path) -> None:
    before, size = entries(path), path.stat().st_size
    assert pack_file(path)
    assert not pack_file(path)
    assert path.stat().st_size < 0.75 * size
    assert entries(path) == before
    with RunReader.open(path) as file:
        assert file.query("SELECT body FROM findings WHERE id = ?", "r1.f7") == [{"body": body(7)}]
        assert file.query("SELECT count(*) AS n FROM messages WHERE content LIKE '%Posted 7.%'") == [{"n": 1}]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            file.query("DELETE FROM contents")
    assert unpack_file(path)
    assert not unpack_file(path)
    assert entries(path) == before


def test_body_of_a_finding_is_stored_once(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM log WHERE data LIKE '%agrees%'").fetchone() == (0,)
        assert connection.execute("SELECT body FROM findings WHERE id = 'r1.f7'").fetchone() == (body(7),)
        assert connection.execute(
            "SELECT json_extract(data, '$.body'), json_extract(data, '$.author') FROM events "
            "WHERE kind = 'findings' AND ordinal = 22"
        ).fetchone() == (body(7), "r1")


def test_packed_file_is_replayed_and_unpacked_on_resume(path: Path) -> None:
    pack_file(path)
    with ReplayingLog.replay(path) as log:
        record(log)
        assert log.next_unreplayed() is None
    with ReplayingLog.resume(path) as log, pytest.raises(FileLocked):
        pack_file(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM contents WHERE typeof(content) = 'blob'").fetchone() == (0,)
        assert connection.execute("SELECT body FROM findings WHERE id = 'r1.f7'").fetchone() == (body(7),)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE contents SET content = x'00ff'",
        "UPDATE runs SET dictionary = NULL",
        "UPDATE runs SET dictionary = x'00'",
    ],
)
def test_damaged_packed_content_is_refused(path: Path, change: str) -> None:
    pack_file(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(change)
    with pytest.raises(SchemaError):
        replies(path)


def replies(path: Path) -> list[Message]:
    with RunReader.open(path) as file:
        return [file.message(entry.event.reply) for entry in file.entries(ModelCall)]


def test_content_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_MAX_CONTENT", 1000)
    assert packing.pack("x" * 1001, b"") == "x" * 1001
    packed = zlib.compress(b"x" * 1001, 9, -15)
    with pytest.raises(ValueError, match="too large"):
        packing.unpack(packed, b"")
