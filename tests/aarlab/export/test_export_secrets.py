"""What leaves the machine: no secret of the worlds, no formula and no control character in CSV."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from aarlab.ablation.ablation_folder import write_run_file
from aarlab.export.csv_cells import safe_cell
from aarlab.memory.run_writer import RunWriter

SECRET = "a-secret-of-these-worlds"


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_secret_of_the_worlds_is_not_exported(
    aarlab: Callable[..., Result], summary: dict[str, Any], tmp_path: Path, format: str
) -> None:
    shutil.copy(summary["file"], tmp_path / "run.db")
    with closing(sqlite3.connect(tmp_path / "run.db")) as connection, connection:
        connection.execute("UPDATE runs SET scenario = json_set(scenario, '$.scoring.secret', ?)", (SECRET,))
    done = aarlab("export", "run.db", "--format", format, "--out", "out")
    assert done.exit_code == 0, done.output
    files = [path for path in (tmp_path / "out", *tmp_path.glob("out/*")) if path.is_file()]
    assert files
    assert all(SECRET not in path.read_text() for path in files)
    assert any("laboratory:" in path.read_text() for path in files)


@pytest.mark.parametrize(("secret", "mode"), [
    (SECRET, 0o600), ("laboratory-7 of our own", 0o600), ("", None), ("laboratory:0123456789abcdef", None),
])  # fmt: skip
def test_run_file_with_a_secret_is_readable_by_its_user_only(tmp_path: Path, secret: str, mode: int | None) -> None:
    path = tmp_path / "run.db"
    RunWriter.create(path, run_id="run", version="0", seed=1, scenario={"scoring": {"secret": secret}}).close()
    (tmp_path / "other").touch()
    expected = mode or (tmp_path / "other").stat().st_mode & 0o777
    assert path.stat().st_mode & 0o777 == expected
    # A file that a worker of a cluster sends back.
    write_run_file(path.read_bytes(), tmp_path / "draft.db", tmp_path / "received.db")
    assert (tmp_path / "received.db").stat().st_mode & 0o777 == expected


def test_cells_are_not_executed() -> None:
    for text in ("=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "\t=1", " =1", "\r=1"):
        assert str(safe_cell(text)).startswith("'")
    for value in ("-1.5", "+2", "a=b", "-", "", 3, -2.5, None):
        assert safe_cell(value) == value
    assert safe_cell("a\x1b[31m\u202eb") == "a\ufffd[31m\ufffdb"
