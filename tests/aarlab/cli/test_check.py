"""`aarlab check` passes what is sound, and finds what is not."""

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
    """A copy of a finished run."""
    path = tmp_path / "run.db"
    shutil.copy(summary["file"], path)
    return path


def faults(aarlab: Aarlab, path: Path) -> dict[str, list[str]]:
    """Return what is found, by kind of check, where anything is."""
    done = aarlab("check", str(path), "--json")
    told = json.loads(done.stdout)
    found = {check["check_name"]: check["faults"] for check in told["checks"] if check["faults"]}
    assert (done.exit_code, told["status"]) == ((1, "faults") if found else (0, "sound"))
    return found


def test_a_sound_run_is_sound(aarlab: Aarlab, copied: Path) -> None:
    before = copied.read_bytes()
    assert faults(aarlab, copied) == {}
    done = aarlab("check", str(copied))
    assert done.exit_code == 0
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["sound"] * 9
    assert copied.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "check", "told"),
    [
        ("UPDATE texts SET text = text || ' '", "messages and texts", "is not what it was"),
        ("UPDATE messages SET content = replace(content, 'a', 'b')", "messages and texts", "is not what it was"),
        ("DELETE FROM texts WHERE hash = (SELECT code FROM experiments LIMIT 1)", "references", "is not in the file"),
        ("DELETE FROM events WHERE stream = 'r1' AND ordinal = 7", "log", "follows on event 6"),
        ("UPDATE events SET hours = 5.9 WHERE stream = 'r1' AND ordinal = 7", "log", "at hour"),
        ("DELETE FROM events WHERE kind = 'findings'", "references", "there is no finding"),
        ("UPDATE events SET hours = hours + 9 WHERE stream = 'r2'", "research hours", "budget.hours is 6"),
        (
            "UPDATE events SET data = json_set(data, '$.cost_usd', 1.5) WHERE kind = 'model_calls'", "books",
            "the summary says 0.0",
        ),
        ("UPDATE runs SET summary = json_set(summary, '$.digest', 'abc')", "summary", "the summary says abc"),
        ("UPDATE runs SET scenario = json_set(scenario, '$.structure.review', 'gate')", "structure", "gate"),
    ],
)  # fmt: skip
def test_what_is_not_what_it_was_is_found(aarlab: Aarlab, copied: Path, change: str, check: str, told: str) -> None:
    with closing(sqlite3.connect(copied)) as connection, connection:
        connection.execute("DROP TRIGGER events_reject_updates")
        connection.execute("DROP TRIGGER events_reject_deletes")
        assert connection.execute(change).rowcount > 0
    assert any(told in fault for fault in faults(aarlab, copied)[check])


def test_what_is_no_run_file_is_not_checked(aarlab: Aarlab, tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("precious")
    done = aarlab("check", "notes.db")
    assert (done.exit_code, done.stdout) == (2, "")
