"""Tests of `aarlab tasks new`: a CSV file becomes a task, which is measured, run and sent to workers."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import Result

from aarlab import __version__
from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_folder import AblationFolder
from aarlab.ablation.ray_workers import _run_on_node
from aarlab.ablation.run_task import RunTask
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.task_choice import known_data_files
from aarlab.scenarios import task_files
from aarlab.scenarios.task_files import load_task_file
from aarlab.scenarios.tasks import task_data, text_table_task, world_builder

TABLE = Path(__file__).parents[3] / "docs" / "example-task" / "aarlab_docstrings" / "docstrings.csv"
COLUMNS = ("--text", "sentence", "--label", "topic", "--positive", "interface")
Aarlab = Callable[..., Result]


@pytest.fixture
def csv_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a third of the example's table, in a process that has read no table."""
    for module, attribute in ((task_files, "_loaded"), (task_data, "_paths")):
        monkeypatch.setattr(module, attribute, {})
    text_table_task._rows.cache_clear()
    path = tmp_path / "my.csv"
    path.write_bytes(b"".join(TABLE.read_bytes().splitlines(keepends=True)[::3]))
    return path


def test_written_task_is_measured_with_warnings(aarlab: Aarlab, csv_file: Path) -> None:
    written = aarlab("tasks", "new", "my.csv", *COLUMNS)
    assert written.exit_code == 0, written.output
    assert "985 texts, label 1: topic is interface (50 %)" in written.stdout
    assert len((csv_file.parent / "my_task.py").read_text().splitlines()) < 27
    done = aarlab("tasks", "my_task.py", "--recipes", "2", "--sandbox", "none", "--json")
    (task,) = json.loads(done.stdout)["tasks"]
    assert task["gap"] > 0.05
    assert task["measured_room"]["random_recipes"] == 2
    assert task["measured_room"]["teacher_use"] > 0.5
    assert [warning.partition(":")[0] for warning in task["warnings"] if "few items" in warning] == [
        "The splits have few items"
    ]


@pytest.mark.parametrize(
    ("arguments", "place", "problem", "fix"),
    [
        (("--text", "sentense", *COLUMNS[2:]), "my.csv:1", "no column has this name", "did you mean sentence?"),
        (COLUMNS[:4], "my.csv", "label 1 is not clear", "choose the value that is label 1"),
        ((*COLUMNS[:4], "--positive", "interfase"), "my.csv", "the positive value", "did you mean interface?"),
        ((*COLUMNS, "--shifted", "topic=nothing"), "my.csv", "no row has the value 'nothing'", None),
        ((*COLUMNS, "--shifted", "topic"), "--shifted topic", "no column and value", None),
        ((*COLUMNS, "--name", "chat"), "--name", "there is a task 'chat' already", "--name NAME"),
        ((*COLUMNS, "--name", "My task"), "--name", "'My task' is no name for a task", "--name NAME"),
        ((*COLUMNS, "--out", "my.txt"), "--out my.txt", "must end in .py", None),
        ((*COLUMNS, "--out", "there.py"), "there.py", "the file exists", "--out FILE"),
    ],
)  # fmt: skip
def test_unusable_request_is_refused_before_writing(
    aarlab: Aarlab, csv_file: Path, arguments: tuple[str, ...], place: str, problem: str, fix: str | None
) -> None:
    (csv_file.parent / "there.py").write_text("")
    done = aarlab("tasks", "new", "my.csv", *arguments, "--json")
    assert done.exit_code == 2, done.output
    (fault,) = json.loads(done.stdout)["faults"]
    assert fault["where"] == place
    assert problem in fault["problem"]
    assert fix is None or fix in fault["fix"]
    assert sorted(path.name for path in csv_file.parent.iterdir()) == ["my.csv", "there.py"]


def test_names_with_quotes_are_written_as_valid_code(aarlab: Aarlab, csv_file: Path) -> None:
    content = csv_file.read_text().replace("sentence,topic", '"a ""text""\\ 🙂",topic', 1)
    (csv_file.parent / 'odd "name".csv').write_text(content)
    done = aarlab("tasks", "new", 'odd "name".csv', "--text", 'a "text"\\ 🙂', *COLUMNS[2:])
    assert done.exit_code == 0, done.output
    assert load_task_file(Path("odd_name_task.py")).kind.table.text == 'a "text"\\ 🙂'  # type: ignore[attr-defined]


def test_changed_table_is_refused_by_run_and_resume(
    aarlab: Aarlab, csv_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aarlab("tasks", "new", "my.csv", *COLUMNS).exit_code == 0
    monkeypatch.setattr(task_files, "_loaded", {})
    text_table_task._rows.cache_clear()
    csv_file.write_bytes(csv_file.read_bytes().replace(b",other", b",interface", 1))
    for arguments in (("run", "--set", "task.path=my_task.py"), ("resume", "--task-file", "my_task.py")):
        done = aarlab(*arguments)
        assert done.exit_code == 2
        assert "my.csv was changed: its SHA-256 is" in done.stderr


def test_task_without_a_gap_is_refused_before_writing(
    aarlab: Aarlab, csv_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world_builder, "MAX_ATTEMPTS", 3)
    # Teacher and student read the label from the first word.
    rows = "".join(f"{'yes' if number % 2 else 'no'} word{number},{number % 2}\n" for number in range(1500))
    csv_file.write_text(f"sentence,topic\n{rows}")
    written = aarlab("tasks", "new", "my.csv", *COLUMNS[:4], "--positive", "1")
    assert written.exit_code == 0, written.output
    Path("flat.yaml").write_text("name: flat\nscenario: {task: {path: my_task.py}}\narms: {free: {}}\nseeds: 1\n")
    before = sorted(path.name for path in csv_file.parent.iterdir())
    for command in ("run --set task.path=my_task.py", "ablate flat.yaml"):
        done = aarlab(*command.split())
        assert (done.exit_code, "never more than 0.02 better" in done.stderr) == (2, True), done.output
    assert sorted(path.name for path in csv_file.parent.iterdir()) == before


def test_ablation_folder_keeps_a_private_copy_of_the_table(
    aarlab: Aarlab, csv_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aarlab("tasks", "new", "my.csv", *COLUMNS).exit_code == 0
    Path("mine.yaml").write_text("name: mine\nscenario: {task: {path: my_task.py}}\narms: {free: {}}\nseeds: 1\n")
    AblationFolder(Path("out")).prepare(load_ablation("mine.yaml"))
    csv_file.unlink()
    for module, attribute in ((task_files, "_loaded"), (task_data, "_paths")):
        monkeypatch.setattr(module, attribute, {})
    text_table_task._rows.cache_clear()
    (copy,) = Path("out", "task-data").iterdir()
    assert copy.stat().st_mode & 0o777 == 0o600
    assert load_ablation("out/ablation.yaml", executed=True).runs[0].scenario.task.name == "my"


@pytest.mark.long
def test_node_without_the_table_gets_it_with_its_run(aarlab: Aarlab, csv_file: Path, tiny: list[str]) -> None:
    assert aarlab("tasks", "new", "my.csv", *COLUMNS).exit_code == 0
    scenario = load_scenario(None, [*tiny[1::2], "task.path=my_task.py"])
    ((sha256, path),) = known_data_files(scenario.task).items()
    assert path == str(csv_file)
    content = csv_file.read_bytes()
    csv_file.unlink()
    task = RunTask("run", scenario.model_dump(mode="json"), "draft.db", "run.db", "none", data_files={sha256: path})
    *_, (last, _) = _run_on_node(asdict(task), __version__, None, None, {})
    assert last["kind"] == "failed"
    assert "my.csv cannot be read" in last["error"]
    *_, (last, _) = _run_on_node(asdict(task), __version__, None, None, {sha256: content})
    assert last["kind"] == "done", last["error"]
