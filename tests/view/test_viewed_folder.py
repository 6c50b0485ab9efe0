"""The table of runs: what is listed, what is refused, and what is said about files that cannot be read."""

import os
import shutil
import socket
import sqlite3
from pathlib import Path

import pytest

from aarlab.view.viewed_folder import NotInFolder, ViewedFolder


def rows(folder: Path) -> dict[str, dict[str, object]]:
    return {row["file"]: row for row in ViewedFolder(folder).contents()["runs"]}


def test_runs_of_all_depths_are_listed(example_folder: Path) -> None:
    found = rows(example_folder)
    assert set(found) >= {"good-run.db", "open-run.db", "deep/hostile-run.db"}
    assert sum(name.startswith("reviews/runs/") for name in found) == 4
    assert found["good-run.db"]["heldout"] == pytest.approx(0.48)
    assert found["good-run.db"]["status"] == "done"
    assert found["good-run.db"]["structure"] == "autonomous review=gate"
    assert found["open-run.db"]["heldout"] is None


def test_newest_runs_can_be_listed_alone(example_folder: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("b", "c", "a")):
        path = shutil.copy(example_folder / "good-run.db", tmp_path / f"{name}.db")
        os.utime(path, (number, number))
    listed = ViewedFolder(tmp_path).contents(newest=2)
    assert ([row["run"] for row in listed["runs"]], listed["files"]) == (["a", "c"], 3)


def test_run_is_live_while_its_lock_is_held(example_folder: Path, tmp_path: Path) -> None:
    path = shutil.copy(example_folder / "open-run.db", tmp_path / "open.db")
    folder, lock = ViewedFolder(tmp_path), tmp_path / "open.db.lock"
    assert not folder.contents()["runs"][0]["live"]
    lock.write_text(f"process {os.getpid()} on {socket.gethostname()}")
    assert folder.contents()["runs"][0]["live"]
    lock.write_text(f"process 99999999 on {socket.gethostname()}")
    assert not folder.contents()["runs"][0]["live"], "the process that had the lock was killed"
    assert Path(path).exists()


def test_new_run_changes_the_signature(example_folder: Path, tmp_path: Path) -> None:
    folder = ViewedFolder(tmp_path)
    before = folder.signature()
    assert folder.signature() == before
    shutil.copy(example_folder / "good-run.db", tmp_path)
    assert folder.signature() != before


@pytest.mark.parametrize("name", ["../secret.db", "/etc/passwd", "link.db", "a\0b", "deep/../../secret.db"])
def test_path_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    root = tmp_path / "runs"
    (root / "deep").mkdir(parents=True)
    (tmp_path / "secret.db").write_text("secret")
    (root / "link.db").symlink_to(tmp_path / "secret.db")
    with pytest.raises(NotInFolder):
        ViewedFolder(root).run_path(name)


def test_link_out_of_the_folder_is_listed_without_content(example_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(example_folder / "good-run.db")
    row = rows(tmp_path)["link.db"]
    assert row["status"] == "unreadable"
    assert "outside the folder" in str(row["problem"])


def test_unreadable_files_are_explained_in_a_sentence(example_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database, but long enough to be read as one " * 20)
    damaged = bytearray((example_folder / "good-run.db").read_bytes())
    damaged[4096:12288] = b"\xff" * 8192
    (tmp_path / "damaged.db").write_bytes(bytes(damaged))
    shutil.copy(example_folder / "good-run.db", tmp_path / "newer.db")
    with sqlite3.connect(tmp_path / "newer.db") as connection:
        connection.execute("UPDATE _sqlite_migrations SET name = 'm099_later'")
    connection.close()
    for name, row in rows(tmp_path).items():
        assert row["status"] == "unreadable", name
        assert str(row["problem"]).endswith("."), name
        assert str(tmp_path) not in str(row["problem"])


def test_database_of_another_program_is_no_run(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE things (name TEXT)")
    connection.close()
    assert rows(tmp_path) == {}


def test_locked_file_is_explained_without_waiting(example_folder: Path, tmp_path: Path) -> None:
    path = shutil.copy(example_folder / "good-run.db", tmp_path / "locked.db")
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        row = rows(tmp_path)["locked.db"]
        other.execute("ROLLBACK")
    other.close()
    assert str(row["problem"]).startswith("Another process has locked locked.db")
