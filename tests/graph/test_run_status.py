"""The life of a run: it closes, fails, is stopped or is killed, and its file says so and keeps what was done."""

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from team_runs import TINY, run, scenario

from aarlab.agents.models import registry
from aarlab.agents.models.base import Model, ModelError, Reply, Request
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.graph.run.execute import run_scenario
from aarlab.memory.events import LogEntry, ModelCall
from aarlab.memory.run_reader import RunReader

RUN = """
import json, sys
from pathlib import Path
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.scenario import Scenario

def tell(entry):
    print(entry.id, flush=True)

run_scenario(Scenario.model_validate(json.loads(sys.argv[1])), Path(sys.argv[2]), listeners=[tell])
"""


class Exhausted:
    """A researcher whose fifth thought raises."""

    def __init__(self, seed: int, agent: str, error: BaseException) -> None:
        self.sound, self.error, self.thoughts = SimulatedResearcher(seed, agent), error, 0

    async def reply(self, request: Request) -> Reply:
        """Answer, four times."""
        self.thoughts += 1
        if self.thoughts > 4:
            raise self.error
        return await self.sound.reply(request)


@pytest.mark.parametrize(
    ("error", "status"), [(ModelError("the model is overloaded"), "failed"), (KeyboardInterrupt(), "stopped")]
)
def test_a_run_that_is_cut_short_says_how_and_keeps_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: str
) -> None:
    def open_exhausted(seed: int, agent: str, temperament: str) -> Model:
        return Exhausted(seed, agent, error)

    info = registry.ModelInfo("test/exhausted", "gives up", "nothing", open_exhausted)
    monkeypatch.setattr(registry, "MODELS", {**registry.MODELS, info.name: info})
    team = {"researchers": 1, "model": info.name}
    with pytest.raises(type(error)):
        run_scenario(scenario(team=team), tmp_path / "run.db", sandbox="none")
    with RunReader.open(tmp_path / "run.db") as file:
        assert file.info().status == status
        assert file.info().summary is None
        assert file.info().sandbox == "none"
        assert len(list(file.entries(ModelCall))) == 4


def test_a_run_never_writes_over_another(tmp_path: Path) -> None:
    (tmp_path / "run.db").write_text("precious")
    with pytest.raises(FileExistsError, match=r"run\.db exists already"):
        run_scenario(scenario(), tmp_path / "run.db", sandbox="none")
    assert (tmp_path / "run.db").read_text() == "precious"


@pytest.mark.long
def test_a_team_without_a_result_ends_all_the_same(tmp_path: Path) -> None:
    done = run(scenario(budget={"hours": 0.1, "round_hours": 0.1}), tmp_path / "run.db")
    assert (done.summary["best"], done.summary["heldout"]) == (None, None)
    assert done.summary["baseline"] is not None
    assert done.file.info().status == "done"
    done.file.close()


@pytest.mark.long
def test_listeners_hear_every_event_in_order(tmp_path: Path) -> None:
    heard: list[LogEntry] = []
    run_scenario(scenario(), tmp_path / "run.db", listeners=[heard.append])
    with RunReader.open(tmp_path / "run.db") as file:
        assert heard == list(file.entries())


@pytest.mark.long
def test_a_kill_in_the_middle_leaves_a_readable_file_with_all_that_was_finished(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    command = [sys.executable, "-c", RUN, json.dumps(TINY), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = [int(process.stdout.readline()) for _ in range(60)]
        process.kill()
        printed += [int(line) for line in process.stdout]
    assert process.returncode == -signal.SIGKILL
    with RunReader.open(path) as file:
        assert file.info().status == "running"
        kept = [entry.id for entry in file.entries()]
    assert kept == list(range(1, len(kept) + 1))
    assert printed == kept[: len(printed)]
    assert len(kept) - len(printed) <= 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
