"""Every output encoding works, and the exit status does not depend on whether the output can be shown."""

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

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


@pytest.mark.parametrize(
    "env", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "cp1252"}, C_LOCALE], ids=["ascii", "cp1252", "C"]
)
@pytest.mark.parametrize(
    "arguments", [("show",), ("show", "--agent", "r1", "--full"), ("structure", "staged"), ("run", "--help")]
)
def test_every_output_encoding_works(recorded: Path, env: Mapping[str, str], arguments: Sequence[str]) -> None:
    done = run(recorded, *arguments, env=env, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    encoding = env.get("PYTHONIOENCODING", "ascii")
    text = done.stdout.decode(encoding)
    if arguments == ("show",):
        assert ("±" if encoding == "cp1252" else "+-") in text


@pytest.mark.parametrize("env", [C_LOCALE])
def test_a_run_works_in_the_c_locale(tmp_path: Path, tiny: list[str], env: Mapping[str, str]) -> None:
    done = run(tmp_path, "run", *tiny, env=env, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"best PGR" in done.stderr


def test_json_keeps_every_character_in_ascii(recorded: Path) -> None:
    outputs = [
        json.loads(run(recorded, "show", "--agent", "r1", "--json", env=env, capture_output=True).stdout)
        for env in ({"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "utf-8"})
    ]
    assert outputs[0] == outputs[1]


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


@pytest.mark.parametrize("make", [closed_pipe, lost_terminal])
@pytest.mark.parametrize(
    ("arguments", "status"), [(("show", "--agent", "r1"), 0), (("show", "nothing"), 2), (("check", "runs"), 0)]
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


@pytest.mark.parametrize("make", [closed_pipe, lost_terminal])
def test_a_run_ends_well_without_a_reader(tmp_path: Path, tiny: list[str], make: Any) -> None:
    descriptor = make()
    try:
        done = run(tmp_path, "run", "--out", "runs", *tiny, env={"TERM": "xterm"}, stdout=descriptor, stderr=descriptor)
    finally:
        os.close(descriptor)
    assert done.returncode == 0


def test_closed_standard_streams_do_no_harm(tmp_path: Path, tiny: list[str]) -> None:
    script = f"{' '.join(COMMAND)} run {' '.join(tiny)} <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", script], cwd=tmp_path, timeout=240, check=False).returncode == 0
    assert run(tmp_path, "check", env={}, capture_output=True).returncode == 0


def test_a_full_disk_for_the_output_is_said(recorded: Path) -> None:
    with open("/dev/full", "w") as full:
        done = run(recorded, "show", env={}, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, b"The output could not be written: no space left on device.\n")
