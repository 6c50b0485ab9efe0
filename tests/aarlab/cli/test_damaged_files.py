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
    for _ in range(12):
        position, bit = draw.randrange(len(content)), 1 << draw.randrange(8)
        damaged.write_bytes(content[:position] + bytes([content[position] ^ bit]) + content[position + 1 :])
        for command in READING[:3]:
            read(aarlab, damaged, command)


@pytest.mark.parametrize("table", ["log", "contents", "names", "runs"])
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
        "UPDATE log SET data = '{'",
        "UPDATE log SET data = '[]'",
        "UPDATE log SET data = replace(data, ']]', ',1,1,1,1,1,1,1,1,1,1,1,1,1]]')",
        "UPDATE log SET layout = 99",
        "UPDATE kinds SET kind = 'wonders' WHERE kind = 'experiments'",
        "UPDATE kinds SET fields = json_set(fields, '$[9]', 1)",
        "DELETE FROM layouts WHERE place = 0",
        "DELETE FROM names",
        "DELETE FROM contents",
        "UPDATE contents SET content = 'none'",
        "UPDATE contents SET content = x'00ff'",
        "UPDATE runs SET scenario = '{}'",
        "DELETE FROM runs",
    ],
)
def test_unreadable_content_is_reported(aarlab: Aarlab, damaged: Path, change: str) -> None:
    with closing(sqlite3.connect(damaged)) as connection, connection:
        connection.execute("DROP TRIGGER log_rejects_updates")
        connection.execute(change)
    for command in READING[:3]:
        done = read(aarlab, damaged, command)
        assert done.exit_code in (1, 2) or command[0] == "show"


@pytest.mark.parametrize(
    "change",
    [
        "summary = json_remove(summary, '$.references.published.team_minus_reference')",
        "summary = json_set(summary, '$.wall_clock_s', 'long', '$.heldout.se', json('[]'))",
        "scenario = json_set(scenario, '$.team', NULL)",
        "scenario = json_remove(scenario, '$.budget.hours')",
        "scenario = json_set(scenario, '$.structure.oversight', json('[1e999]'))",
    ],
)
def test_altered_settings_or_summary_are_reported(aarlab: Aarlab, damaged: Path, change: str) -> None:
    with closing(sqlite3.connect(damaged)) as connection, connection:
        connection.execute(f"UPDATE runs SET {change}")
    for command in (("show", "--full"), ("check",), ("diff", str(damaged)), ("list",), ("report",)):
        done = read(aarlab, damaged, command)
        said = " ".join((done.output + done.stderr).split())
        assert done.exit_code in (1, 2) or "altered" in said, (command, said)


@pytest.mark.parametrize(
    ("change", "version"),
    [
        ("DROP TABLE _sqlite_migrations", 0),
        ("UPDATE _sqlite_migrations SET name = 'm003_next'", 3),
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
