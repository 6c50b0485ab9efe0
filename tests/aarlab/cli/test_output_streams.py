"""Every output encoding works, and the exit status does not depend on whether the output can be shown."""

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from aarlab.cli.output import print_note, refuse
from aarlab.config import Fault

COMMAND = [sys.executable, "-m", "aarlab"]
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def run(folder: Path, *arguments: str, env: Mapping[str, str], **options: Any) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env={**os.environ, **env}, stdin=subprocess.DEVNULL, timeout=240, **options
    )


@pytest.fixture
def recorded(summary: dict[str, Any], tmp_path: Path) -> Path:
    """Return a folder with one run in `runs`."""
    (tmp_path / "runs").mkdir()
    shutil.copy(summary["file"], tmp_path / "runs" / "one.db")
    return tmp_path


IN_ONE_PROCESS = """
import sys
from aarlab.cli.main import main
for command in sys.argv[1:]:
    try:
        main(command.split())
    except SystemExit as status:
        if status.code:
            sys.exit(f"{command}: status {status.code}")
"""


@pytest.mark.parametrize(
    "env",
    [
        pytest.param({"PYTHONIOENCODING": "cp1252"}, id="cp1252", marks=pytest.mark.long),
        pytest.param(C_LOCALE, id="C"),
    ],
)
def test_every_output_encoding_works(recorded: Path, env: Mapping[str, str]) -> None:
    commands = "show", "show --agent r1 --full", "structure staged", "run --help"
    done = subprocess.run(
        [sys.executable, "-c", IN_ONE_PROCESS, *commands], cwd=recorded, env={**os.environ, **env}, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    encoding = env.get("PYTHONIOENCODING", "ascii")
    assert ("±" if encoding == "cp1252" else "+-") in done.stdout.decode(encoding)


def test_a_run_works_in_the_c_locale(tiny_run: "subprocess.CompletedProcess[str]") -> None:
    assert tiny_run.returncode == 0, tiny_run.stderr
    assert "best PGR" in tiny_run.stderr


def test_json_keeps_every_character_in_ascii(recorded: Path, aarlab: Callable[..., Result]) -> None:
    command = ("show", "--agent", "r1", "--json")
    in_ascii = run(recorded, *command, env={"PYTHONIOENCODING": "ascii"}, capture_output=True).stdout
    assert json.loads(in_ascii) == json.loads(aarlab(*command).stdout)


def closed_pipe() -> int:
    """Return the end for writing of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def lost_terminal() -> int:
    """Return a terminal that is gone."""
    master, slave = pty.openpty()
    os.close(master)
    return slave


@pytest.mark.parametrize(
    ("make", "arguments", "status"),
    [
        (closed_pipe, ("show", "--agent", "r1"), 0),
        (lost_terminal, ("show", "nothing"), 2),
        (closed_pipe, ("check", "runs"), 0),
    ],
)
def test_unread_output_does_not_change_the_status(
    recorded: Path, make: Any, arguments: Sequence[str], status: int
) -> None:
    descriptor = make()
    try:
        done = run(recorded, *arguments, env={}, stdout=descriptor, stderr=descriptor)
    finally:
        os.close(descriptor)
    assert done.returncode == status


@pytest.fixture
def short(tiny: list[str]) -> list[str]:
    """Return arguments that give a run a single round."""
    return [setting.replace("budget.hours=6", "budget.hours=2") for setting in tiny]


@pytest.mark.long
def test_a_run_ends_well_without_a_reader(tmp_path: Path, short: list[str]) -> None:
    stdout, stderr = closed_pipe(), lost_terminal()
    try:
        done = run(tmp_path, "run", "--out", "runs", *short, env={"TERM": "xterm"}, stdout=stdout, stderr=stderr)
    finally:
        os.close(stdout)
        os.close(stderr)
    assert done.returncode == 0


@pytest.mark.long
def test_closed_standard_streams_do_no_harm(tmp_path: Path, short: list[str], aarlab: Callable[..., Result]) -> None:
    script = f"{' '.join(COMMAND)} run {' '.join(short)} <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", script], cwd=tmp_path, timeout=240, check=False).returncode == 0
    assert aarlab("check").exit_code == 0


def test_a_full_disk_for_the_output_is_said(recorded: Path) -> None:
    with open("/dev/full", "w") as full:
        done = run(recorded, "show", env={}, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, b"The output could not be written: no space left on device.\n")


def test_a_terminal_breaks_no_word_of_an_error_and_no_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable, value in {"TTY_COMPATIBLE": "1", "COLUMNS": "40", "TERM": "xterm"}.items():
        monkeypatch.setenv(variable, value)
    names, command = ", ".join(f"name_{i}" for i in range(20)), f"aarlab run --set {'x' * 40}=1 --seed 3"
    with pytest.raises(SystemExit):
        refuse([Fault("a.yaml", None, "unknown\x1b[2J name", names, command)], as_json=False)
    lines = capsys.readouterr().err.splitlines()
    with pytest.raises(SystemExit):
        refuse([Fault("a.yaml", None, "unknown", None, f"leave it out or use one of {names}")], as_json=False)
    assert all(len(line) <= 40 for line in capsys.readouterr().err.splitlines())
    assert f"  fix       {command}" in lines
    assert all(len(line) <= 40 for line in lines if command not in line)
    assert " ".join(" ".join(lines).split()).count("name_") == 20
    assert "\x1b" not in "".join(lines)
    print_note(f"! a setting {names}")
    noted = capsys.readouterr().err.splitlines()
    assert all(len(line) <= 40 for line in noted)
    assert " ".join(" ".join(noted).split()) == f"! a setting {names}"
