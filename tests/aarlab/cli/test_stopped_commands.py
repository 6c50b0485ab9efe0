"""Commands that a signal or a full disk stops: a sentence, exit status 3, and a run that can be resumed."""

import json
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from aarlab.graph.run import resume as resume_module
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_file_errors import RunAlreadyFinished
from aarlab.memory.run_reader import RunReader

Aarlab = Callable[..., Result]


@pytest.mark.parametrize("limit", [30_000, 150_000])
def test_a_full_disk_stops_a_run_that_can_be_resumed(
    aarlab: Aarlab, tmp_path: Path, tiny: list[str], summary: dict[str, Any], limit: int
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        full = aarlab("run", "--quiet", "--json", "--seed", "7", "--no-cache", *tiny)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert full.exit_code == 3, full.stderr
    assert full.stderr.startswith("Stopped: the disk is full or cannot be written to (")
    assert "Traceback" not in full.stderr
    assert json.loads(full.stdout)["status"] == "stopped"
    if not list((tmp_path / "runs").iterdir()):
        assert "Nothing was recorded yet." in full.stderr
        return
    assert "  aarlab resume runs/" in full.stderr
    done = aarlab("resume", "--quiet", "--json")
    assert (done.exit_code, json.loads(done.stdout)["digest"]) == (0, summary["digest"])


def test_a_run_that_has_just_ended_is_not_resumed(
    aarlab: Aarlab, summary: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.db"
    shutil.copy(summary["file"], path)
    with closing(sqlite3.connect(path)) as connection, connection:
        status, result = connection.execute("SELECT status, summary FROM runs").fetchone()
        connection.execute("UPDATE runs SET status = 'running', summary = NULL")

    def finished_meanwhile(path: Path, **_: object) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE runs SET status = ?, summary = ?", (status, result))

    # Another process finishes the run while this one checks the recording.
    monkeypatch.setattr(resume_module, "replay_run", finished_meanwhile)
    done = aarlab("resume", str(path))
    assert done.exit_code == 2
    assert "already finished (status done)" in done.stderr
    assert f"aarlab fork {path} --round ROUND" in done.stderr
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT status, summary FROM runs").fetchone() == (status, result)
    with pytest.raises(RunAlreadyFinished):
        ReplayingLog.resume(path)
    assert [file.name for file in tmp_path.iterdir()] == ["run.db"], "the lock is released"


def test_sigterm_during_start_up_stops_the_command(tmp_path: Path) -> None:
    # The signal arrives while the module of the command is imported.
    code = """
import importlib.abc, os, signal, sys
from aarlab.cli.main import main
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "aarlab.cli.run_command":
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Finder())
main(["run"])
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "Stopped.\n")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_lost_in_a_callback_is_repeated() -> None:
    # Python prints and ignores an exception in the callback of a weak reference.
    code = """
import os, signal, time, weakref
from aarlab.cli.stop_signals import stop_signals_as_ctrl_c
class Thing: pass
thing = Thing()
reference = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGTERM))
with stop_signals_as_ctrl_c():
    try:
        del thing
        time.sleep(30)
    except KeyboardInterrupt:
        print("stopped")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240)
    assert (done.stdout, done.stderr) == ("stopped\n", "")


STOPPED_IN_ROUND_2 = """
import os, signal, sys
from aarlab.cli.main import main
from aarlab.memory.events import RoundStarted
from aarlab.memory.run_writer import RunWriter
append = RunWriter.append
def append_and_stop(self, stream, event, *, round, hours):
    entry = append(self, stream, event, round=round, hours=hours)
    if isinstance(event, RoundStarted) and round == 2:
        os.kill(os.getpid(), number)
    return entry
RunWriter.append = append_and_stop
for name in ("SIGINT", "SIGHUP", "SIGTERM"):
    number = signal.Signals[name]
    try:
        main(["run", "--json", "--seed", "7", "--out", name, *sys.argv[1:]])
    except SystemExit as status:
        assert status.code == 3, name
"""
"""Runs in one process, each stopped by its signal: a signal from another process could come after the end of a run."""


@pytest.mark.long
def test_ctrl_c_a_closed_terminal_or_sigterm_stops_a_run(
    aarlab: Aarlab, tmp_path: Path, tiny: list[str], summary: dict[str, Any]
) -> None:
    command = [sys.executable, "-c", STOPPED_IN_ROUND_2, *tiny]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    stopped = [json.loads(line) for line in done.stdout.splitlines()]
    assert [output["status"] for output in stopped] == ["stopped"] * 3
    for output in stopped:
        path = Path(output["file"]).relative_to(tmp_path)
        assert f"  aarlab resume {path}" in done.stderr
        with RunReader.open(path) as file:
            assert (file.info().status, next(file.entries(), None) is not None) == ("stopped", True)
        assert json.loads(aarlab("resume", "--json", str(path)).stdout)["digest"] == summary["digest"]
