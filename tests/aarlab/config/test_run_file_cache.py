"""Values of run files are kept until the file changes."""

from pathlib import Path

import pytest

from aarlab.config import run_file_cache
from aarlab.config.run_file_cache import kept_value


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Use an empty cache, and return the list of files of which `value_of` computed the value."""
    monkeypatch.setenv("AARLAB_CACHE", str(tmp_path / "cache"))
    return []


def value_of(path: Path, computed: list[Path]) -> object:
    def compute() -> list[object]:
        computed.append(path)
        return [path.stat().st_size, 0.1, None]

    return kept_value(path, "size", compute)


def test_a_value_is_computed_again_only_after_a_change(
    computed: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run_file_cache, "_MIN_AGE_S", 0.0)
    path = tmp_path / "run.db"
    path.write_bytes(b"12")
    assert [value_of(path, computed) for _ in range(2)] == [[2, 0.1, None]] * 2
    assert len(computed) == 1
    path.write_bytes(b"123")
    assert [value_of(path, computed) for _ in range(2)] == [[3, 0.1, None]] * 2
    assert len(computed) == 2


@pytest.mark.parametrize("is_new", [True, False])
def test_no_value_of_a_new_or_open_file_is_kept(
    computed: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_new: bool
) -> None:
    path = tmp_path / "run.db"
    path.write_bytes(b"12")
    if not is_new:
        monkeypatch.setattr(run_file_cache, "_MIN_AGE_S", 0.0)
        path.with_name("run.db-wal").touch()
    assert [value_of(path, computed) for _ in range(2)] == [[2, 0.1, None]] * 2
    assert len(computed) == 2
