"""Atomic output, and locks that one process holds."""

from pathlib import Path

import pytest

from aarlab.memory.atomic_file import atomic_output
from aarlab.memory.file_lock import FileLock, FileLocked


def test_output_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file.txt"
    with atomic_output(path) as temporary:
        assert temporary.name == "file.txt"
        temporary.write_text("text")
        assert not path.exists()
    assert [item.name for item in path.parent.iterdir()] == ["file.txt"]
    assert path.read_text() == "text"


def test_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    with atomic_output(tmp_path / "tables") as temporary:
        temporary.mkdir()
        (temporary / "a.csv").write_text("a")
    assert (tmp_path / "tables" / "a.csv").read_text() == "a"


@pytest.mark.parametrize("folder", [False, True])
def test_output_of_a_failed_block_is_deleted(tmp_path: Path, folder: bool) -> None:
    def fail(temporary: Path) -> None:
        (temporary.mkdir if folder else temporary.touch)()
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"), atomic_output(tmp_path / "out") as temporary:
        fail(temporary)
    assert list(tmp_path.iterdir()) == []


def test_existing_file_is_replaced_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before")
    with pytest.raises(FileExistsError, match=r"file\.txt already exists"), atomic_output(path):
        pass
    with atomic_output(path, replace=True) as temporary:
        temporary.write_text("after")
    assert path.read_text() == "after"


def test_second_lock_is_refused_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with (
        FileLock.acquire(path),
        pytest.raises(FileLocked, match=r"run\.db is in use by process \d+ on \S+: wait until it ends, or stop it"),
    ):
        FileLock.acquire(path)
    FileLock.acquire(path).release()
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_a_file_has_the_lock_of_the_file(tmp_path: Path) -> None:
    path, link = tmp_path / "run.db", tmp_path / "folder" / "link.db"
    path.touch()
    link.parent.mkdir()
    link.symlink_to(path)
    with FileLock.acquire(link), pytest.raises(FileLocked):
        FileLock.acquire(path)
    with FileLock.acquire(path), pytest.raises(FileLocked):
        FileLock.acquire(link)
