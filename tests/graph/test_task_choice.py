"""The task of a scenario: by name or from a file. Code in a run file is never executed."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from team_runs import TINY, run

from aarlab.ablation.run_task import RunProgress, RunTask, execute_task
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.resume import resume_run
from aarlab.graph.scenario import Scenario
from aarlab.graph.task_choice import TaskChoice, TaskNotLoaded
from aarlab.memory.events import Evaluation
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios import task_files

EXAMPLE = Path(__file__).parents[2] / "docs" / "example-task" / "aarlab_halfspace.py"
SCORING = {**TINY["scoring"], "shifted_worlds": 0, "transfer_worlds": 2}


def file_scenario(path: Path) -> Scenario:
    """Return a tiny scenario on the task of a file, with two tasks to transfer to."""
    scoring = {**SCORING, "transfer_tasks": ["digits", {"name": "math", "parameters": {"belief": 1.0}}]}
    return Scenario.model_validate({**TINY, "task": TaskChoice.from_file(path), "scoring": scoring})


@pytest.fixture
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unload all task files, as in a new process."""
    monkeypatch.setattr(task_files, "_loaded", {})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return the file and the summary of a run on the task of a file; the file writes a line when it is executed."""
    folder = tmp_path_factory.mktemp("task-file")
    code = f"{EXAMPLE.read_text()}\nwith open({str(folder / 'executed')!r}, 'a') as log:\n    log.write('x')\n"
    (folder / "my_task.py").write_text(code)
    done = run(file_scenario(folder / "my_task.py"), folder / "run.db")
    done.file.close()
    return folder / "run.db", done.summary


def executions(path: Path) -> int:
    """Return the number of executions of the task file in the folder of a run file."""
    return len((path.parent / "executed").read_text())


def test_run_file_records_the_task_file(finished: tuple[Path, dict[str, Any]]) -> None:
    path, summary = finished
    code = (path.parent / "my_task.py").read_bytes()
    with RunReader.open(path) as file:
        recorded = file.info().scenario["task"]
    assert (recorded["name"], recorded["path"]) == ("halfspace", str(path.parent / "my_task.py"))
    assert recorded["source"]["sha256"] == hashlib.sha256(code).hexdigest()
    assert recorded["source"]["code"] == code.decode()
    assert summary["task"] == "halfspace"


def test_winner_is_scored_on_the_named_transfer_tasks(finished: tuple[Path, dict[str, Any]]) -> None:
    with RunReader.open(finished[0]) as file:
        tried = {entry.event.task for entry in file.entries(Evaluation) if entry.event.panel == "transfer"}
    assert tried == {"digits", "math"} == finished[1]["transfer"].keys()


@pytest.mark.usefixtures("nothing_loaded")
def test_plain_replay_needs_no_task_file(finished: tuple[Path, dict[str, Any]]) -> None:
    path, summary = finished
    before = executions(path)
    assert replay_run(path).digest == summary["digest"]
    assert executions(path) == before


@pytest.mark.usefixtures("nothing_loaded")
def test_code_in_a_run_file_is_not_executed(finished: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    path, before = finished[0], executions(finished[0])
    with RunReader.open(path) as file:
        recorded = file.info().scenario
    for refused in (
        lambda: replay_run(path, "live"),
        lambda: resume_run(shutil.copy(path, tmp_path / "copy.db")),
        lambda: fork_run(path, tmp_path / "fork.db", Scenario.from_record(recorded), at=2, sandbox="none"),
        lambda: Scenario.model_validate(recorded),
        lambda: Scenario.model_validate({**recorded, "task": {"path": recorded["task"]["path"]}}),
    ):
        with pytest.raises(ValueError, match=r"was recorded from .*my_task\.py with SHA-256|was not loaded|finished"):
            refused()
    assert executions(path) == before


@pytest.mark.usefixtures("nothing_loaded")
def test_another_version_of_the_file_is_refused(finished: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    with RunReader.open(finished[0]) as file:
        choice = Scenario.from_record(file.info().scenario).task
    other = tmp_path / "other.py"
    other.write_text(EXAMPLE.read_text() + "\n# another version\n")
    loaded = task_files.load_task_file(other)
    with pytest.raises(TaskNotLoaded) as refusal:
        choice.make()
    for part in (str(choice.source and choice.source.sha256), loaded.sha256, "--task-file"):
        assert part in str(refusal.value)


@pytest.mark.usefixtures("nothing_loaded")
def test_live_replay_works_with_the_same_file(finished: tuple[Path, dict[str, Any]]) -> None:
    task_files.load_task_file(finished[0].parent / "my_task.py")
    replayed = replay_run(finished[0], "live")
    assert (replayed.digest, replayed.differences) == (finished[1]["digest"], ())


@pytest.mark.long
@pytest.mark.usefixtures("nothing_loaded")
def test_worker_executes_the_code_it_was_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = json.loads(json.dumps(file_scenario(EXAMPLE).model_dump(mode="json")))
    monkeypatch.setattr(task_files, "_loaded", {})
    progress: list[RunProgress] = []
    work = RunTask("run", sent, str(tmp_path / "draft.db"), str(tmp_path / "run.db"), "none", cache=False)
    execute_task(work, progress.append)
    assert progress[-1].kind == "done", progress[-1].error


@pytest.mark.usefixtures("nothing_loaded")
def test_worker_refuses_code_with_another_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = file_scenario(EXAMPLE).model_dump(mode="json")
    monkeypatch.setattr(task_files, "_loaded", {})
    sent["task"]["source"]["code"] = "raise SystemExit('executed')"
    with pytest.raises(TaskNotLoaded, match="does not have the SHA-256"):
        execute_task(RunTask("run", sent, str(tmp_path / "draft.db"), str(tmp_path / "run.db"), "none"), print)


def test_recorded_version_of_a_package_must_match() -> None:
    recorded = TaskChoice.model_validate(
        {"name": "chat", "source": {"about": "Chat.", "package": "acme 1.0"}}, context={"recorded": True}
    )
    assert recorded.about == "Chat."
    with pytest.raises(TaskNotLoaded, match=r"recorded from acme 1\.0; found: a built-in task"):
        recorded.make()


def test_transfer_tasks_must_differ() -> None:
    with pytest.raises(ValidationError, match="transfer_tasks names math more than once"):
        Scenario.model_validate({"scoring": {"transfer_tasks": ["math", {"name": "math"}]}})


def test_own_task_is_not_a_transfer_task() -> None:
    assert [choice.name for choice in Scenario().transfer_tasks] == ["math", "code", "digits", "headlines", "spam"]
    assert Scenario.model_validate({"scoring": {"transfer_worlds": 0}}).transfer_tasks == []


@pytest.mark.long
def test_interrupted_run_resumes_with_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, stopped = tmp_path / "run.db", RuntimeError("stopped")

    def stop(entry: Any) -> None:
        if entry.round == 2:
            raise stopped

    with pytest.raises(RuntimeError, match="stopped"):
        run_scenario(file_scenario(EXAMPLE), path, listeners=[stop], sandbox="none")
    monkeypatch.setattr(task_files, "_loaded", {})
    with pytest.raises(ValidationError, match="--task-file"):
        resume_run(path)
    task_files.load_task_file(EXAMPLE)
    assert resume_run(path)["status"] == "done"
