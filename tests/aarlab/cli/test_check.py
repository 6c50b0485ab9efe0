"""Tests of `aarlab check` with valid and changed run files."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Aarlab = Callable[..., Result]


@pytest.fixture
def copied(summary: dict[str, Any], tmp_path: Path) -> Path:
    """Return a copy of a finished run."""
    path = tmp_path / "run.db"
    shutil.copy(summary["file"], path)
    return path


def faults(aarlab: Aarlab, path: Path) -> dict[str, list[str]]:
    """Return the faults by check, without checks that pass."""
    done = aarlab("check", str(path), "--json")
    output = json.loads(done.stdout)
    faults_by_check = {check["check_name"]: check["faults"] for check in output["checks"] if check["faults"]}
    assert (done.exit_code, output["status"]) == ((1, "faults") if faults_by_check else (0, "valid"))
    return faults_by_check


def test_valid_run_passes_every_check(aarlab: Aarlab, copied: Path) -> None:
    before = copied.read_bytes()
    assert faults(aarlab, copied) == {}
    done = aarlab("check", str(copied))
    assert done.exit_code == 0
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["valid"] * 9
    assert copied.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "check", "output"),
    [
        ("UPDATE texts SET text = text || ' '", "messages and texts", "has changed"),
        ("UPDATE messages SET content = replace(content, 'a', 'b')", "messages and texts", "has changed"),
        ("DELETE FROM texts WHERE hash = (SELECT code FROM experiments LIMIT 1)", "references", "is not in the file"),
        ("DELETE FROM events WHERE stream = 'r1' AND ordinal = 7", "log", "follows event 6"),
        ("UPDATE events SET hours = 5.9 WHERE stream = 'r1' AND ordinal = 7", "log", "at hour"),
        ("DELETE FROM events WHERE kind = 'findings'", "references", "there is no finding"),
        ("UPDATE events SET hours = hours + 9 WHERE stream = 'r2'", "research hours", "budget.hours is 6"),
        (
            "UPDATE events SET data = json_set(data, '$.cost_usd', 1.5) WHERE kind = 'model_calls'", "costs and budget",
            "the summary says 0.0",
        ),
        ("UPDATE runs SET summary = json_set(summary, '$.digest', 'abc')", "summary", "the summary says abc"),
        ("UPDATE runs SET scenario = json_set(scenario, '$.structure.review', 'gate')", "structure",
            "no full run was reviewed",
        ),
    ],
)  # fmt: skip
def test_changed_run_file_fails_the_right_check(
    aarlab: Aarlab, copied: Path, change: str, check: str, output: str
) -> None:
    with closing(sqlite3.connect(copied)) as connection, connection:
        connection.execute("DROP TRIGGER events_reject_updates")
        connection.execute("DROP TRIGGER events_reject_deletes")
        assert connection.execute(change).rowcount > 0
    assert any(output in fault for fault in faults(aarlab, copied)[check])


@pytest.mark.parametrize("command", [("show",), ("show", "--agent", "r1"), ("show", "--json"), ("diff", "run.db")])
def test_altered_finding_is_said_where_it_is_shown(aarlab: Aarlab, copied: Path, command: tuple[str, ...]) -> None:
    assert "altered" not in aarlab(command[0], str(copied), *command[1:]).stderr
    with closing(sqlite3.connect(copied)) as connection, connection:
        connection.execute("DROP TRIGGER events_reject_updates")
        connection.execute("UPDATE events SET data = json_set(data, '$.pgr', 0.99) WHERE kind = 'findings'")
    done = aarlab(command[0], str(copied), *command[1:])
    assert "was altered after the run was scored: do not trust what it says" in " ".join(done.stderr.split())


def test_missing_trigger_is_a_fault(aarlab: Aarlab, copied: Path) -> None:
    with closing(sqlite3.connect(copied)) as connection, connection:
        connection.execute("DROP TRIGGER events_reject_updates")
    assert faults(aarlab, copied) == {"database": ["the trigger events_reject_updates is missing"]}


def test_other_file_is_refused(aarlab: Aarlab, tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("precious")
    done = aarlab("check", "notes.db")
    assert (done.exit_code, done.stdout) == (2, "")
