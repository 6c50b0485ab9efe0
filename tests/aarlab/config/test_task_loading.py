"""Task files named in scenarios, ablations and overrides."""

from pathlib import Path

import pytest

from aarlab.ablation.ablation_file import load_ablation
from aarlab.config import ConfigError
from aarlab.config.scenario_files import load_scenario, scenario_from_dict
from aarlab.graph.scenario import Scenario
from aarlab.scenarios import task_files

EXAMPLE = (Path(__file__).parents[3] / "docs" / "example-task" / "aarlab_halfspace.py").read_text()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a task file and a scenario that names it; the working directory is another one."""
    monkeypatch.setattr(task_files, "_loaded", {})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "my_task.py").write_text(EXAMPLE)
    (tmp_path / "scenario.yaml").write_text("task: {path: my_task.py, parameters: {seen: 8}}\n")
    return tmp_path


def test_path_is_relative_to_the_scenario_file(folder: Path) -> None:
    task = load_scenario(folder / "scenario.yaml").task
    assert (task.name, task.path, task.parameters) == ("halfspace", "my_task.py", {"seen": 8})
    assert task.source is not None
    assert task.source.code == EXAMPLE


@pytest.mark.parametrize("setting", ["task.path=../my_task.py", "task={path: ../my_task.py}"])
def test_set_path_is_relative_to_the_working_directory(folder: Path, setting: str) -> None:
    assert load_scenario(None, [setting]).task.name == "halfspace"


def test_a_name_replaces_the_file(folder: Path) -> None:
    for setting in ("task=math", "task.name=math"):
        task = load_scenario(folder / "scenario.yaml", [setting, "task.parameters={belief: 1.0}"]).task
        assert (task.name, task.path, task.source) == ("math", None, None)


def test_transfer_tasks_may_be_files(folder: Path) -> None:
    (folder / "transfer.yaml").write_text("scoring: {transfer_tasks: [math, {path: my_task.py}]}\n")
    choices = load_scenario(folder / "transfer.yaml").scoring.transfer_tasks
    assert [choice.name for choice in choices] == ["math", "halfspace"]


def test_arms_may_set_a_path_relative_to_the_ablation(folder: Path) -> None:
    (folder / "arms.yaml").write_text(
        "name: tasks\narms: {chat: {}, own: {task.path: my_task.py}}\nseeds: 1\ncontrols: false\n"
    )
    plan = load_ablation(folder / "arms.yaml")
    assert [arm.scenario.task.name for arm in plan.arms] == ["chat", "halfspace"]
    before = [run.key for run in plan.runs]
    (folder / "my_task.py").write_text(EXAMPLE + "\n# changed\n")
    after = [run.key for run in load_ablation(folder / "arms.yaml").runs]
    assert (after[0], after[1] != before[1]) == (before[0], True)


def test_a_missing_file_is_a_config_error(folder: Path) -> None:
    (folder / "my_task.py").unlink()
    with pytest.raises(ConfigError) as refusal:
        load_scenario(folder / "scenario.yaml")
    (fault,) = refusal.value.faults
    assert (fault.where, fault.field) == (f"{folder / 'scenario.yaml'}:1", "task.path")
    assert "my_task.py cannot be read" in fault.problem


def test_a_name_that_the_file_does_not_define_is_refused(folder: Path) -> None:
    (folder / "scenario.yaml").write_text("task: {name: other, path: my_task.py}\n")
    with pytest.raises(ConfigError, match="the file defines the task 'halfspace'"):
        load_scenario(folder / "scenario.yaml")


def test_an_unknown_parameter_of_a_file_is_located(folder: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        load_scenario(folder / "scenario.yaml", ["task.parameters.sight=3"])
    (fault,) = refusal.value.faults
    assert (fault.where, fault.field) == ("--set task.parameters.sight=3", "task.parameters.sight")
    assert "halfspace has no parameter 'sight'; it has: unlabelled" in fault.problem


def test_a_path_in_a_run_file_is_not_loaded(folder: Path) -> None:
    (folder / "my_task.py").write_text("raise SystemExit('executed')")
    for task in (
        {"path": str(folder / "my_task.py")},
        {"name": "halfspace", "path": str(folder / "my_task.py"), "source": {"about": "", "sha256": "0", "code": ""}},
    ):
        for data in ({"task": task}, {"scoring": {"transfer_tasks": [task]}}):
            with pytest.raises(ConfigError, match=r"not loaded|--task-file"):
                scenario_from_dict("run.db", data, ["budget.hours=4"])


def test_a_run_file_scenario_accepts_the_file_by_set(folder: Path) -> None:
    recorded = load_scenario(folder / "scenario.yaml").model_dump(mode="json")
    assert scenario_from_dict("run.db", recorded) == Scenario.model_validate(recorded)
    (folder / "my_task.py").write_text(EXAMPLE + "\n# changed\n")
    changed = scenario_from_dict("run.db", recorded, ["task.path=../my_task.py"]).task
    assert changed.source != load_scenario(None, ["task=chat"]).task.source
    assert changed.parameters == {"seen": 8}
