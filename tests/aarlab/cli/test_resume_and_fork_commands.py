"""Tests of `aarlab resume`, `replay` and `fork`."""

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

from aarlab import fork, replay, resume
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_reader import RunReader
from aarlab.tools.sandbox import Sandbox

Aarlab = Callable[..., Result]


@pytest.fixture
def copied(summary: dict[str, Any], tmp_path: Path) -> Path:
    """Return a copy of a finished run."""
    path = tmp_path / "run.db"
    shutil.copy(summary["file"], path)
    return path


def cut(path: Path, events: int) -> None:
    """Reduce a run to its first events, as if it had been killed."""
    alter(path, f"DELETE FROM events WHERE id > {events}", "UPDATE runs SET status = 'running', summary = NULL")


def test_replay_equals_the_recorded_run(aarlab: Aarlab, copied: Path, summary: dict[str, Any]) -> None:
    done = aarlab("replay", str(copied))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("The replay equals the recorded run (complete run): ")
    output = json.loads(aarlab("replay", str(copied), "--json").stdout)
    assert (output["status"], output["finished"], output["digest"]) == ("same", True, summary["digest"])
    assert output["events"] > output["model_calls"] > 0


def test_replay_reports_the_first_divergence(aarlab: Aarlab, copied: Path) -> None:
    with closing(sqlite3.connect(copied)) as connection, connection:
        connection.execute("UPDATE runs SET scenario = json_set(scenario, '$.budget.hours', 5.0)")
    done = aarlab("replay", str(copied))
    assert done.exit_code == 1
    assert "The replay diverges from the recorded run: r1, round 0, event 0." in done.stdout
    assert "\nsystem:\n--- recorded\n+++ replayed\n" in done.stdout
    output = json.loads(aarlab("replay", str(copied), "--json").stdout)
    assert (output["status"], output["agent"], output["round"], output["event"]) == ("diverged", "r1", 0, 0)
    assert output["fields"] == ["system"]


def test_resume_finishes_an_interrupted_run(aarlab: Aarlab, copied: Path, summary: dict[str, Any]) -> None:
    cut(copied, 60)
    assert json.loads(aarlab("replay", str(copied), "--json").stdout)["finished"] is False
    done = aarlab("resume", str(copied), "--json")
    assert done.exit_code == 0, done.stderr
    (line,) = done.stdout.splitlines()
    output = json.loads(line)
    assert (output["status"], output["digest"]) == ("done", summary["digest"])


def test_resume_without_a_run_continues_the_newest_interrupted_one(
    aarlab: Aarlab, copied: Path, summary: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here" / "runs"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder.parent)
    for name in ("a.db", "b.db"):  # they started at the same time, so the name decides which is newer
        shutil.copy(copied, folder / name)
    cut(folder / "a.db", 60)
    done = aarlab("resume", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["file"] == str(folder / "a.db")
    again = aarlab("resume")
    assert again.exit_code == 2
    assert "all runs in this folder are finished" in again.stderr


def test_fork_leaves_the_parent_unchanged(aarlab: Aarlab, copied: Path) -> None:
    before = copied.read_bytes()
    done = aarlab("fork", str(copied), "--round", "3", "--set", "structure=staged", "--seeds", "2", "--json")
    assert done.exit_code == 0, done.stderr
    output = json.loads(done.stdout)
    assert (output["parent"], output["round"]) == (str(copied.resolve()), 3)
    first, second = output["forks"]
    assert (first["seed"], second["seed"]) == (7, 8)
    assert first["structure"]["workflow"] == "staged"
    with RunReader.open(Path(second["file"])) as file:
        assert file.info().scenario["team"]["temperament"] == "varied@7", "the same researchers with another seed"
        assert [segment["until_round"] for segment in file.info().fork_history] == [2]
    assert copied.read_bytes() == before
    assert json.loads(aarlab("replay", second["file"], "--json").stdout)["status"] == "same"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("resume", "RUN"), "the run is finished (done) and scored"),
        (("fork", "RUN", "--round", "9"), "the run has begun rounds 1 to 3"),
        (("fork", "RUN", "--round", "2", "--set", "task=math"), "a fork cannot change task"),
        (("fork", "RUN", "--round", "2", "--set", "seed=3"), "--seeds N, the number of forks"),
        (("fork", "RUN", "--round", "2", "--agent", "r1"), "--agent without --model"),
        (("fork", "RUN", "--round", "2", "--model", "nobody/knows"), "nobody/knows"),
        (("fork", "RUN", "--round", "2", "--set", "structure.review=gat"), "gate"),
        (("fork", "RUN"), "no place to fork"),
        (("fork", "RUN", "--edit", "r1", "text"), "names no message"),
        (("fork", "RUN", "--edit", "r1:0", "text"), "no message to or from a researcher"),
        (("fork", "RUN", "--edit", "r1:1", "text", "--set", "structure=staged"), "both cannot change"),
        (("fork", "RUN", "--edit", "r1:1", "text", "--round", "2"), "the message has its round"),
        (("resume", "nowhere.db"), "no such run"),
        (("replay", "README"), "no such run"),
    ],
)
def test_invalid_requests_are_refused_without_a_new_file(
    aarlab: Aarlab, copied: Path, tmp_path: Path, arguments: tuple[str, ...], problem: str
) -> None:
    done = aarlab(*(str(copied) if argument == "RUN" else argument for argument in arguments))
    assert (done.exit_code, done.stdout) == (2, "")
    assert problem in done.stderr
    assert list(tmp_path.iterdir()) == [copied]


@pytest.fixture
def modes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list of the modes of the sandboxes that runs use from now on: each run tests its sandbox once."""
    used: list[str] = []
    test = Sandbox.self_test

    def observed(sandbox: Sandbox) -> None:
        used.append(sandbox.mode)
        test(sandbox)

    monkeypatch.setattr(Sandbox, "self_test", observed)
    return used


def record_no_sandbox(path: Path) -> None:
    """Let a run file say that its methods ran unconfined."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE runs SET sandbox = 'none'")


@pytest.mark.parametrize("command", [("replay", "--tools", "live"), ("resume",), ("fork", "--round", "3")])
def test_recorded_sandbox_mode_does_not_select_it(
    aarlab: Aarlab, copied: Path, modes: list[str], command: tuple[str, ...]
) -> None:
    if command[0] == "resume":
        cut(copied, 60)
    record_no_sandbox(copied)
    done = aarlab(command[0], str(copied), *command[1:])
    assert done.exit_code == 0, done.stderr
    assert "! the run was recorded with --sandbox none; its methods now run with --sandbox strict" in done.stderr
    assert modes == ["strict"]


@pytest.mark.long
def test_functions_ignore_the_recorded_sandbox_mode(copied: Path, modes: list[str], tmp_path: Path) -> None:
    record_no_sandbox(copied)
    assert replay(copied, tools="live").differences == ()
    assert fork(copied, 3, out=tmp_path)["sandbox"] == "strict"
    cut(copied, 60)
    assert resume(copied)["status"] == "done"
    assert modes == ["strict"] * 3
    with RunReader.open(copied) as file:
        assert file.info().sandbox == "none", "the file still says that some methods ran unconfined"
    assert fork(copied, 3, out=tmp_path / "asked", sandbox="none")["sandbox"] == modes[-1] == "none"


def test_run_in_use_is_not_resumed(aarlab: Aarlab, copied: Path) -> None:
    cut(copied, 60)
    with ReplayingLog.resume(copied):
        done = aarlab("resume", str(copied))
    assert done.exit_code == 2
    assert "is in use by process" in done.stderr
