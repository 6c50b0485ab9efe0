"""Tasks by name, and tasks of packages."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aarlab.scenarios.task import PILOT, SPLITS
from aarlab.scenarios.task_registry import (
    BUILT_IN,
    InvalidTaskParameter,
    UnknownTask,
    UnusableTask,
    make_task,
    name_conflicts,
    task_class,
    task_names,
    task_version,
)

EXAMPLE = (Path(__file__).parents[2] / "docs" / "example-task" / "aarlab_halfspace.py").read_text()
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that installs a package with a task: its code, and the task's name and class."""

    def install(code: str, task: str = "halfspace", kind: str = "Halfspace", package: str = "acme") -> None:
        (tmp_path / f"{package}_task_package.py").write_text(code)
        info = tmp_path / f"{package}-2.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.1\n")
        (info / "entry_points.txt").write_text(f"[aarlab.tasks]\n{task} = {package}_task_package:{kind}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, f"{package}_task_package", raising=False)

    return install


def test_example_package_adds_a_task(install: Install) -> None:
    install(EXAMPLE)
    assert task_names() == (*BUILT_IN, "halfspace")
    task = make_task("halfspace", {"seen": 8})
    assert task.parameters == {"unlabelled": 1000, "teacher_examples": 200, "seen": 8}
    assert task_version(task) == "acme 2.1"
    for split in SPLITS:
        worlds = [task.world(seed, size=PILOT, split=split) for seed in (1, 1, 2)]
        assert np.array_equal(worlds[0].inputs.features, worlds[1].inputs.features)
        assert not np.array_equal(worlds[0].inputs.features, worlds[2].inputs.features)
        assert all(world.strong_acc > world.weak_acc for world in worlds)


def test_parameters_of_a_package_task_are_documented(install: Install) -> None:
    install(EXAMPLE)
    assert task_class("halfspace").model_fields["seen"].description == "Coordinates that the teacher sees."


def test_listing_tasks_imports_no_package(install: Install) -> None:
    install("raise ImportError('must not be imported')")
    assert "halfspace" in task_names()
    assert "acme_task_package" not in sys.modules


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ImportError('no acme here')", "'halfspace' of the package 'acme' cannot be loaded: ImportError"),
        ("Halfspace = 3", "of the package 'acme' is not a subclass of aarlab.scenarios.tasks.SeededTask"),
        (EXAMPLE.replace('= "halfspace"', '= "other"'), "of the package 'acme' has a class named 'other'"),
        (EXAMPLE.replace('= "halfspace"', '= "chat"'), "of the package 'acme' has the name of a built-in task, 'chat'"),
        (EXAMPLE.replace("def draw", "def other"), "of the package 'acme' does not define draw"),
        (
            EXAMPLE.replace(", le=DIMENSIONS)] = 5", ")]"),
            "of the package 'acme' has parameters without a default: seen",
        ),
    ],
    ids=["import error", "no class", "other name", "built-in name", "abstract", "no default"],
)
def test_unusable_package_task_error_names_the_package(install: Install, code: str, message: str) -> None:
    install(code)
    with pytest.raises(UnusableTask, match=message):
        make_task("halfspace")
    make_task("chat")


def test_built_in_names_cannot_be_taken(install: Install) -> None:
    install(EXAMPLE, task="chat")
    assert task_class("chat") is BUILT_IN["chat"]
    assert task_names() == tuple(BUILT_IN)
    (conflict,) = name_conflicts()
    assert "'chat' of the package 'acme' is ignored" in conflict


def test_task_of_two_packages_is_refused(install: Install) -> None:
    install(EXAMPLE)
    install(EXAMPLE, package="zeta")
    with pytest.raises(UnusableTask, match="several packages define a task 'halfspace': acme and zeta"):
        make_task("halfspace")


def test_unknown_task_error_lists_tasks() -> None:
    with pytest.raises(UnknownTask, match="'chess'; the tasks are: chat, math, code, digits"):
        make_task("chess")


def test_unknown_parameter_error_lists_parameters() -> None:
    with pytest.raises(InvalidTaskParameter, match=r"chat has no parameter 'author_bias'; it has: .*length_bias"):
        make_task("chat", {"author_bias": 0.6})


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("chat", {"neighbours": 2.5}),
        ("chat", {"neighbours": True}),
        ("chat", {"length_bias": "high"}),
        ("chat", {"length_bias": 1.5}),
        ("chat", {"length_bias": float("nan")}),
        ("math", {"related_share": -0.1}),
        ("code", {"author_bias": 5.0}),
        ("digits", {"teacher_examples": 1700}),
        ("digits", {"width": 2}),
    ],
)
def test_invalid_parameter_value_raises(name: str, parameters: dict[str, float | int | str]) -> None:
    with pytest.raises(InvalidTaskParameter, match=name):
        make_task(name, parameters)


def test_whole_numbers_are_accepted_for_floats() -> None:
    assert make_task("chat", {"separation": 1}) == make_task("chat", {"separation": 1.0})


def test_built_in_tasks_have_no_version() -> None:
    assert [task_version(make_task(name)) for name in BUILT_IN] == [""] * len(BUILT_IN)
