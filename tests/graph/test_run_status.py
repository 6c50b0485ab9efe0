"""Status and events in the file of a run that closed, failed, was interrupted or was killed."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from kill_and_resume import read_log
from team_runs import FAST_STRUCTURES, TINY, Dials, Run, run, scenario

from aarlab.agents.models import registry
from aarlab.agents.models.base import Model, ModelError, Reply, Request
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.resume import resume_run
from aarlab.memory.events import LogEntry, ModelCall
from aarlab.memory.run_reader import RunReader
from aarlab.memory.schema_sql import MAX_EVENTS_PER_ROW

RUN = """
import json, sys
from pathlib import Path
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.scenario import Scenario

def print_id(entry):
    print(entry.id, flush=True)

scenario = Scenario.model_validate(json.loads(sys.argv[1]))
run_scenario(scenario, Path(sys.argv[2]), sandbox=sys.argv[3], threads=1, listeners=[print_id])
"""


class FailingModel:
    """A simulated researcher that raises an error at its fifth call."""

    def __init__(self, seed: int, agent: str, error: BaseException) -> None:
        self.model, self.error, self.calls = SimulatedResearcher(seed, agent), error, 0

    async def reply(self, request: Request) -> Reply:
        """Reply to the first four calls."""
        self.calls += 1
        if self.calls > 4:
            raise self.error
        return await self.model.reply(request)


@pytest.mark.parametrize(
    ("error", "status"), [(ModelError("the model is overloaded"), "failed"), (KeyboardInterrupt(), "stopped")]
)
def test_interrupted_run_records_its_status_and_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: str
) -> None:
    def open_failing(seed: int, agent: str, temperament: str) -> Model:
        return FailingModel(seed, agent, error)

    info = registry.ModelInfo("test/failing", "fails at the fifth call", "nothing", open_failing)
    monkeypatch.setattr(registry, "MODELS", {**registry.MODELS, info.name: info})
    team = {"researchers": 1, "model": info.name}
    with pytest.raises(type(error)):
        run_scenario(scenario(team=team), tmp_path / "run.db", sandbox="none")
    with RunReader.open(tmp_path / "run.db") as file:
        assert file.info().status == status
        assert file.info().summary is None
        assert file.info().sandbox == "none"
        assert len(list(file.entries(ModelCall))) == 4


def test_run_does_not_overwrite_an_existing_file(tmp_path: Path) -> None:
    (tmp_path / "run.db").write_text("another file")
    with pytest.raises(FileExistsError, match=r"run\.db already exists"):
        run_scenario(scenario(), tmp_path / "run.db", sandbox="none")
    assert (tmp_path / "run.db").read_text() == "another file"


@pytest.mark.long
def test_run_without_a_result_closes(tmp_path: Path) -> None:
    done = run(scenario(budget={"hours": 0.1, "round_hours": 0.1}), tmp_path / "run.db")
    assert (done.summary["best"], done.summary["heldout"]) == (None, None)
    assert set(done.summary["references"]) == {"published", "library"}
    assert done.file.info().status == "done"
    done.file.close()


@pytest.mark.long
def test_listeners_receive_all_events_in_order(tmp_path: Path) -> None:
    received: list[LogEntry] = []
    run_scenario(scenario(), tmp_path / "run.db", listeners=[received.append])
    with RunReader.open(tmp_path / "run.db") as file:
        assert received == list(file.entries())


@pytest.mark.long
def test_killed_run_is_readable_and_resumed_to_the_same_log(run_of: Callable[[Dials], Run], tmp_path: Path) -> None:
    whole, path = run_of(FAST_STRUCTURES[0]), tmp_path / "run.db"
    mode, scenario_data = whole.summary["sandbox"], {**TINY, "structure": dict(FAST_STRUCTURES[0])}
    command = [sys.executable, "-c", RUN, json.dumps(scenario_data), str(path), mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = [int(process.stdout.readline()) for _ in range(120)]
        process.kill()
        printed += [int(line) for line in process.stdout]
    assert process.returncode == -signal.SIGKILL
    with RunReader.open(path) as file:
        assert file.info().status == "running"
        kept = [entry.id for entry in file.entries()]
    assert kept == list(range(1, len(kept) + 1))
    assert printed == list(range(1, len(printed) + 1))
    assert -MAX_EVENTS_PER_ROW <= len(kept) - len(printed) <= 1, "all but the last step is in the file"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    resume_run(path, sandbox=mode)
    resumed, uninterrupted = read_log(path), read_log(whole.file.path)
    assert (resumed.log, resumed.kinds) == (uninterrupted.log, uninterrupted.kinds)
    assert list(tmp_path.glob("*.lock")) == []
