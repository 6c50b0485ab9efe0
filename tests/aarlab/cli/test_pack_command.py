"""Tests of `aarlab pack`: the other commands read a packed run like any other."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

from aarlab.memory.file_lock import FileLock


def test_packed_run_is_checked_shown_replayed_and_exported(
    aarlab: Callable[..., Result], summary: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "run.db"
    shutil.copy(summary["file"], path)
    commands = (
        ("check", "run.db", "--json"),
        ("show", "run.db", "--agent", "r1"),
        ("export", "run.db", "--format", "jsonl", "--out", "-"),
    )
    plain = [aarlab(*command).stdout for command in commands]
    done = json.loads(aarlab("pack", "run.db", "--json").stdout)
    assert (done["status"], done["bytes"] < 0.8 * done["bytes_before"]) == ("packed", True)
    assert [aarlab(*command).stdout for command in commands] == plain
    assert json.loads(aarlab("replay", "run.db", "--json").stdout)["digest"] == summary["digest"]
    assert "packed already" in aarlab("pack", "run.db").stdout
    assert json.loads(aarlab("pack", "--unpack", "run.db", "--json").stdout)["status"] == "unpacked"
    assert [aarlab(*command).stdout for command in commands] == plain


def test_run_that_is_being_written_is_not_packed(
    aarlab: Callable[..., Result], summary: dict[str, Any], tmp_path: Path
) -> None:
    shutil.copy(summary["file"], tmp_path / "run.db")
    lock = FileLock.acquire(tmp_path / "run.db")
    done = aarlab("pack", "run.db")
    lock.release()
    assert (done.exit_code, "is in use by" in done.output) == (2, True)
