"""Task files on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aarlab.scenarios import task_files

EXAMPLE = Path(__file__).parents[3] / "docs" / "example-task" / "aarlab_halfspace.py"
Aarlab = Callable[..., Result]


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_files, "_loaded", {})


def test_task_file_is_shown_and_measured(aarlab: Aarlab) -> None:
    done = aarlab("tasks", str(EXAMPLE), "--recipes", "0", "--json", "--sandbox", "none")
    (task,) = json.loads(done.stdout)["tasks"]
    assert (task["name"], task["gap"] > 0.1) == ("halfspace", True)
    seen = {"range": "a whole number of 1 or more and at most 20", "description": "Coordinates that the teacher sees."}
    assert task["parameter_descriptions"]["seen"] == seen


def test_unusable_task_file_is_refused(aarlab: Aarlab, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("1 / 0")
    for arguments in (
        ("tasks", "mine.py"),
        ("resume", "--task-file", "mine.py"),
        ("run", "--set", "task.path=mine.py"),
    ):
        done = aarlab(*arguments)
        assert done.exit_code == 2
        assert "mine.py:1: the file cannot be executed: ZeroDivisionError" in done.stderr


def test_run_on_a_task_without_a_gap_is_refused_early(aarlab: Aarlab, tiny: list[str], tmp_path: Path) -> None:
    taught = "WeakTeacher.fit(cues[teacher], labels[teacher], neighbours=5).probabilities(cues)"
    assert taught in EXAMPLE.read_text()
    (tmp_path / "mine.py").write_text(EXAMPLE.read_text().replace(taught, "labels.astype(float)"))
    done = aarlab("run", *tiny, "--set", "task.path=mine.py", "--sandbox", "none", "--quiet")
    assert done.exit_code == 2
    assert not list(tmp_path.rglob("*.db"))
    assert "the strong student was never more than 0.02 better than the weak teacher" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_recorded_run_needs_its_task_file(
    aarlab: Aarlab, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(EXAMPLE.read_text())
    done = aarlab("run", "--json", *tiny, "--set", "task.path=mine.py", "--set", "structure=undirected")
    path = json.loads(done.stdout)["file"]
    live, fork = ("replay", path, "--tools", "live"), ("fork", path, "--round", "2", "--quiet")
    for arguments in (live, fork):
        monkeypatch.setattr(task_files, "_loaded", {})
        refused = aarlab(*arguments)
        assert refused.exit_code == 2
        assert "found: no task file" in refused.stderr
        assert "--task-file mine.py" in refused.stderr
    for arguments in (("show", path), ("check", path), ("replay", path)):
        assert aarlab(*arguments).exit_code == 0
    assert task_files.loaded_files() == []
    for arguments in (live, fork):
        monkeypatch.setattr(task_files, "_loaded", {})
        assert aarlab(*arguments, "--task-file", "mine.py").exit_code == 0
