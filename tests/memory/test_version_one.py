"""Run files of schema version 1 are read, forked, and brought to the current schema when they are resumed."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import pytest

from aarlab.memory.events import Event, Finding, LogEntry, ModelCall, Prompted, RoundStarted
from aarlab.memory.instruction_rows import Instruction
from aarlab.memory.instructions import InstructionRefused, give_instruction
from aarlab.memory.messages import Message, ToolCall, canonical_json, user_message
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter
from aarlab.memory.version_one import TABLES_SQL

AT = "2026-10-01T12:00:00.{:03}+00:00"
BODY = "a body that is long enough to be stored once"
PROMPT = user_message("Begin.")
REPLY = Message("assistant", (ToolCall("t1", "post_finding", {"body": BODY}),))
EVENTS: tuple[tuple[str, int, int, float, Event], ...] = (
    ("team", 0, 1, 0.0, RoundStarted(4.0)),
    ("r1", 0, 1, 0.0, Prompted("researcher", PROMPT.key)),
    ("r1", 1, 1, 0.05, ModelCall("researcher", "m", "0" * 32, REPLY.key, "tool_use", 100, 50, 0.1 + 0.2, 0.05)),
    ("r1", 2, 1, 0.1, Finding("r1.f1", "r1", "insight", "t", BODY, "other", None, None, None, None, None)),
    ("team", 1, 2, 0.0, RoundStarted(8.0)),
)
VIEW = (
    "CREATE VIEW decisions AS SELECT id AS event, stream, ordinal, round, hours, "
    "json_extract(data, '$.choice') AS choice, at FROM events WHERE kind = 'decisions'"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file of version 1 of a run that was interrupted."""
    path = tmp_path / "run.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(f"{TABLES_SQL}; {VIEW}")
        connection.execute("CREATE TABLE _sqlite_migrations (migration_set TEXT, name TEXT, applied_at TEXT)")
        connection.execute("INSERT INTO _sqlite_migrations VALUES ('aarlab run file', 'm001', '')")
        run = ("run", "0.1.0", AT.format(0), 7, "{}", "stopped", None, "strict", None)
        connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", run)
        for message in (PROMPT, REPLY):
            key, content = message.stored()
            connection.execute("INSERT INTO messages VALUES (?, ?, ?)", (key, message.speaker, content))
        for id_, (*position, event) in enumerate(EVENTS, start=1):
            row = (id_, *position, event.kind, canonical_json(event.to_json()), AT.format(id_))
            connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    return path


def entries() -> list[LogEntry]:
    return [LogEntry(i, *position, event, AT.format(i)) for i, (*position, event) in enumerate(EVENTS, start=1)]  # type: ignore[arg-type]


def test_version_one_is_read_with_its_digest_and_not_changed(path: Path) -> None:
    before = path.read_bytes()
    digest = blake2b(digest_size=16)
    for *position, event in sorted(EVENTS, key=lambda row: row[:2]):
        line = canonical_json([*position, event.kind, canonical_json(event.to_json())])
        digest.update(line.encode() + b"\n")
    with RunReader.open(path) as file:
        assert list(file.entries()) == entries()
        assert file.digest() == digest.hexdigest()
        assert (file.message(REPLY.key), file.info().sandbox) == (REPLY, "strict")
    assert path.read_bytes() == before


def test_version_one_takes_no_instructions(path: Path) -> None:
    with pytest.raises(InstructionRefused, match="earlier schema version"):
        give_instruction(path, Instruction("stop", "me", "enough"))


def test_version_one_is_resumed_and_forked(path: Path, tmp_path: Path) -> None:
    run = {"run_id": "fork", "version": "0.1.0", "seed": 7, "scenario": {}}
    with ReplayingLog.fork(tmp_path / "fork.db", path, 2, **run) as fork:
        assert fork.tape.events == 4
    with ReplayingLog.resume(path) as log:
        for stream, _, round_, hours, event in EVENTS:
            log.append(stream, event, round=round_, hours=hours)
        log.append("team", RoundStarted(12.0), round=3, hours=0.0)
    with RunReader.open(path) as file:
        assert list(file.entries())[:-1] == entries()
        assert file.info().status == "running"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT body FROM findings").fetchall() == [(BODY,)]
        assert connection.execute("SELECT count(*) FROM log WHERE data LIKE '%long enough%'").fetchall() == [(0,)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("CREATE TRIGGER spy AFTER INSERT ON events BEGIN UPDATE runs SET seed = 1; END", "trigger 'spy'"),
        ("INSERT INTO _sqlite_migrations VALUES ('aarlab run file', 'm002', '')", "has schema version 2"),
        ("DROP TABLE texts", "no table 'texts'"),
        # SQL views show the first of two values, and JSON parsers the last.
        (
            "INSERT INTO events VALUES (9, 'r1', 3, 1, 1.0, 'rounds', '{\"end_hours\":1.0,\"end_hours\":2.0}', '')",
            "was altered",
        ),
    ],
)
def test_altered_file_of_version_one_is_refused(path: Path, change: str, problem: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(change)
    before = path.read_bytes()
    for open_file in (RunReader.open, ReplayingLog.resume):
        with pytest.raises(SchemaError, match=problem):
            open_file(path)
    assert path.read_bytes() == before


def test_opening_a_file_of_the_current_schema_does_not_load_sqlite_utils(tmp_path: Path) -> None:
    RunWriter.create(tmp_path / "run.db", run_id="run", version="0", seed=1, scenario={}).close()
    check = (
        "import sys; from pathlib import Path; from aarlab.memory.replaying_log import ReplayingLog; "
        f"ReplayingLog.resume(Path({str(tmp_path / 'run.db')!r})).close(); sys.exit('sqlite_utils' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
