"""Tests of `aarlab check` with valid and changed run files."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from altered_run import alter
from click.testing import Result

from aarlab import open_run
from aarlab.config import run_file_cache

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
    alter(copied, change)
    assert any(output in fault for fault in faults(aarlab, copied)[check])


EVENT, SUMMARY = (
    "UPDATE events SET data = json_set(data, '$.pgr', 0.99) WHERE kind = 'findings'",
    "UPDATE runs SET summary = json_set(summary, '$.heldout.pgr', 0.99)",
)
ALTERED = "was altered after the run was scored: do not trust what it says"


@pytest.mark.parametrize(
    ("command", "change"),
    [
        (["show", "run.db"], EVENT),
        (["show", "run.db", "--agent", "r1"], EVENT),
        (["show", "run.db", "--json"], SUMMARY),
        (["diff", "run.db", "run.db"], SUMMARY),
        (["export", "run.db", "--format", "csv"], EVENT),
        (["export", "run.db", "--format", "jsonl", "--out", "-"], SUMMARY),
        (["report", "run.db"], SUMMARY),
        (["report", "run.db", "other.db"], EVENT),
        (["replay", "run.db"], SUMMARY),
        (["fork", "run.db", "--round", "1"], SUMMARY),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_altered_run_is_named_where_it_is_used(
    aarlab: Aarlab, copied: Path, tmp_path: Path, command: list[str], change: str
) -> None:
    shutil.copy(copied, tmp_path / "other.db")
    alter(copied, change)
    done = aarlab(*command)
    assert ALTERED in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    refused = command[0] in ("report", "fork")
    assert (done.exit_code == 2) == refused


def test_unaltered_run_causes_no_warning(aarlab: Aarlab, copied: Path) -> None:
    with open_run(copied) as file:
        assert not file.altered
    for command in (["show", "run.db"], ["export", "run.db", "--format", "csv"], ["list", "."]):
        done = aarlab(*command)
        assert (done.exit_code, "altered" in done.output) == (0, False)


def test_check_compares_the_digest_of_a_run_of_another_version(aarlab: Aarlab, copied: Path) -> None:
    alter(copied, "UPDATE runs SET aarlab_version = '0.0.1'")
    assert faults(aarlab, copied) == {}
    alter(copied, EVENT)
    assert ["the log has the digest" in fault for fault in faults(aarlab, copied)["summary"]] == [True]


def test_a_conversation_of_a_long_run_is_shown_before_it_is_verified(
    aarlab: Aarlab, copied: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AARLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(run_file_cache, "_MIN_AGE_S", 0.0)
    monkeypatch.setattr(run_file_cache, "_MAX_VERIFIED_AT_ONCE", 0)
    alter(copied, EVENT)
    conversation = ("show", "run.db", "--agent", "r1", "--round", "1")
    assert "not compared with the digest" in aarlab(*conversation).stdout
    assert json.loads(aarlab(*conversation, "--json").stdout)["altered"] is None
    assert ALTERED in " ".join(aarlab("show", "run.db").stderr.split())
    done = aarlab(*conversation)
    assert (ALTERED in " ".join(done.stderr.split()), "not compared" in done.stdout) == (True, False)
    assert json.loads(aarlab(*conversation, "--json").stdout)["altered"] is True


def test_an_altered_summary_of_a_long_run_is_reported_with_a_conversation(
    aarlab: Aarlab, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_file_cache, "_MAX_VERIFIED_AT_ONCE", 0)
    alter(copied, SUMMARY)
    assert ALTERED in " ".join(aarlab("show", "run.db", "--agent", "r1").stderr.split())


def test_altered_run_is_named_in_lists_and_in_python(aarlab: Aarlab, copied: Path) -> None:
    alter(copied, SUMMARY)
    assert "altered" in aarlab("list", ".").stdout
    assert json.loads(aarlab("list", ".", "--json").stdout)["runs"][0]["altered"] is True
    with pytest.warns(UserWarning, match="was altered"):
        file = open_run(copied)
    with file:
        assert file.altered
        assert "was altered" in file._repr_html_()
    assert any("the log has the heldout" in fault for fault in faults(aarlab, copied)["summary"])


@pytest.mark.parametrize("options", [[], ["--redact", "[tT]eacher"]], ids=["plain", "redacted"])
def test_export_and_import_keep_a_run_altered(aarlab: Aarlab, copied: Path, tmp_path: Path, options: list[str]) -> None:
    for name, altered in (("before", False), ("after", True)):
        exported = aarlab("export", "run.db", "--format", "jsonl", "--out", f"{name}.jsonl", "--json", *options)
        assert json.loads(exported.stdout)["altered"] is altered
        imported = aarlab("import", f"{name}.jsonl", "--out", name, "--json")
        assert json.loads(imported.stdout)["altered"] is altered
        if not altered:
            assert "summary" not in faults(aarlab, Path(json.loads(imported.stdout)["file"]))
        alter(copied, EVENT)


def test_missing_trigger_is_a_fault(aarlab: Aarlab, copied: Path) -> None:
    with closing(sqlite3.connect(copied)) as connection, connection:
        connection.execute("DROP TRIGGER log_rejects_updates")
    assert faults(aarlab, copied) == {"database": ["the trigger log_rejects_updates is missing"]}


def test_other_file_is_refused(aarlab: Aarlab, tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("precious")
    done = aarlab("check", "notes.db")
    assert (done.exit_code, done.stdout) == (2, "")
