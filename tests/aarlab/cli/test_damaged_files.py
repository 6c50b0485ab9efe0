"""Tests of damaged run files: each reading command works or reports the problem, and changes nothing."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Aarlab = Callable[..., Result]
READING = (("show", "--full"), ("show", "--agent", "r1"), ("replay",), ("resume",), ("fork", "--round", "2"))


@pytest.fixture
def damaged(summary: dict[str, Any], tmp_path: Path) -> Path:
    """Return a copy of a run."""
    path = tmp_path / "run.db"
    shutil.copy(summary["file"], path)
    return path


def read(aarlab: Aarlab, path: Path, command: tuple[str, ...]) -> Result:
    """Execute a reading command and check that it works or reports a problem."""
    before = path.read_bytes()
    done = aarlab(command[0], str(path), *command[1:])
    assert done.exception is None or isinstance(done.exception, SystemExit), (command, done.exception)
    assert "Traceback" not in done.output
    assert done.exit_code in (0, 1, 2, 3)
    assert done.exit_code != 2 or "problem" in done.stderr
    assert path.read_bytes() == before
    return done


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.95])
def test_truncated_file_is_refused(aarlab: Aarlab, damaged: Path, share: float) -> None:
    content = damaged.read_bytes()
    damaged.write_bytes(content[: int(len(content) * share)])
    for command in READING:
        assert read(aarlab, damaged, command).exit_code == 2


def test_flipped_bit_causes_no_traceback(aarlab: Aarlab, damaged: Path) -> None:
    draw, content = random.Random(3), damaged.read_bytes()
    for _ in range(25):
        position, bit = draw.randrange(len(content)), 1 << draw.randrange(8)
        damaged.write_bytes(content[:position] + bytes([content[position] ^ bit]) + content[position + 1 :])
        for command in READING[:3]:
            read(aarlab, damaged, command)


@pytest.mark.parametrize("table", ["events", "messages", "texts", "runs"])
def test_missing_table_is_reported(aarlab: Aarlab, damaged: Path, table: str) -> None:
    with closing(sqlite3.connect(damaged)) as connection, connection:
        connection.execute(f"DROP TABLE {table}")
    for command in READING[1:3]:
        done = read(aarlab, damaged, command)
        assert done.exit_code == 2, command
        assert table in done.stderr


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET data = '{' WHERE kind = 'experiments'",
        "UPDATE events SET kind = 'wonders' WHERE kind = 'experiments'",
        "UPDATE events SET data = json_set(data, '$.wonder', 1) WHERE kind = 'model_calls'",
        "DELETE FROM messages",
        "UPDATE messages SET content = 'none'",
        "UPDATE runs SET scenario = '{}'",
        "DELETE FROM runs",
    ],
)
def test_unreadable_content_is_reported(aarlab: Aarlab, damaged: Path, change: str) -> None:
    with closing(sqlite3.connect(damaged)) as connection, connection:
        connection.execute("DROP TRIGGER events_reject_updates")
        connection.execute(change)
    for command in READING[:3]:
        done = read(aarlab, damaged, command)
        assert done.exit_code in (1, 2) or command[0] == "show"


@pytest.mark.parametrize(
    ("change", "version"),
    [
        ("DROP TABLE _sqlite_migrations", 0),
        ("INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('aarlab run file', 'm002')", 2),
    ],
    ids=["earlier", "later"],
)
def test_other_schema_version_is_refused_with_fix(aarlab: Aarlab, damaged: Path, change: str, version: int) -> None:
    with closing(sqlite3.connect(damaged)) as connection, connection:
        connection.execute(change)
    for command in READING:
        done = read(aarlab, damaged, command)
        assert done.exit_code == 2
        text = " ".join(done.stderr.split())
        assert f"has schema version {version}, written by aarlab 0.1.0" in text
        assert "Open the file with the aarlab that wrote it" in text
