"""Tasks from plain Python files."""

import hashlib
from pathlib import Path

import pytest

from aarlab.scenarios import task_files
from aarlab.scenarios.task import SMOKE
from aarlab.scenarios.task_files import load_task_file, loaded_task
from aarlab.scenarios.task_registry import UnusableTask, instantiate, task_version

EXAMPLE = (Path(__file__).parents[2] / "docs" / "example-task" / "aarlab_halfspace.py").read_text()


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_files, "_loaded", {})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_task.py"
    path.write_text(EXAMPLE)
    return path


def test_file_defines_a_task(file: Path) -> None:
    loaded = load_task_file(file)
    assert loaded.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (loaded.code, loaded.kind.name) == (EXAMPLE, "halfspace")
    assert loaded_task(loaded.sha256) is loaded.kind
    task = instantiate(loaded.kind, {"seen": 8})
    assert task.world(1, size=SMOKE).task == "halfspace"
    assert task_version(task) == loaded.sha256


def test_parameters_of_a_task_file_are_documented(file: Path) -> None:
    assert load_task_file(file).kind.model_fields["seen"].description == "Coordinates that the teacher sees."


def test_file_is_executed_once_per_content(file: Path) -> None:
    counter = file.with_name("executions")
    file.write_text(f"{EXAMPLE}\nwith open({str(counter)!r}, 'a') as log:\n    log.write('x')\n")
    assert load_task_file(file) is load_task_file(file)
    assert counter.read_text() == "x"


def test_changed_file_is_another_task(file: Path) -> None:
    before = load_task_file(file)
    file.write_text(EXAMPLE.replace("le=DIMENSIONS)] = 5", "le=DIMENSIONS)] = 6"))
    after = load_task_file(file)
    assert before.kind().parameters["seen"] == 5
    assert after.kind().parameters["seen"] == 6
    assert task_version(before.kind()) != task_version(after.kind())


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\n1 / 0\n", r"my_task\.py:2: the file cannot be executed: ZeroDivisionError"),
        ("x = 1\ny = (\n", r"my_task\.py:2: the file cannot be executed: SyntaxError"),
        ("import acme_is_not_here", r"my_task\.py:1: .*No module named 'acme_is_not_here'"),
        (
            "from aarlab.scenarios.tasks.chat import Chat",
            r"must define one subclass of SeededTask with a `name`; found: no",
        ),
        (f"{EXAMPLE}\nclass Twin(Halfspace):\n    name = 'twin'", r"found: Halfspace, Twin"),
        (EXAMPLE.replace('= "halfspace"', '= "chat"'), r"my_task\.py has the name of a built-in task, 'chat'"),
        (b"\xff", r"my_task\.py is not UTF-8 text"),
        (None, r"my_task\.py cannot be read: no such file"),
    ],
    ids=["exception", "syntax", "import", "no task", "two tasks", "built-in name", "not text", "missing"],
)
def test_unusable_file_error_names_the_file(file: Path, code: str | bytes | None, message: str) -> None:
    file.unlink()
    if code is not None:
        file.write_bytes(code if isinstance(code, bytes) else code.encode())
    with pytest.raises(UnusableTask, match=message):
        load_task_file(file)
