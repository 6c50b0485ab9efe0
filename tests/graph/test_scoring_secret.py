"""Runs of the laboratory: which worlds they have, what their files hold, and what continuing them needs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from team_runs import ON_ONE_CORE

from aarlab.config.scenario_files import load_scenario, shipped_scenarios
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.resume import resume_run
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import LogEntry, RoundStarted
from aarlab.memory.run_reader import RunReader
from aarlab.tools.evaluator.laboratory_secret import LaboratorySecretError

SMALL: dict[str, Any] = {
    "name": "secret", "team": {"researchers": 1}, "budget": {"hours": 6, "round_hours": 3},
    "scoring": {
        "full_worlds": 2, "final_worlds": 2, "screening_worlds": 2, "finalists": 1, "heldout_worlds": 2,
        "shifted_worlds": 0, "transfer_worlds": 0,
    },
}  # fmt: skip
SECRET = "a-secret-of-one-laboratory"


def scenario(**scoring: Any) -> Scenario:
    return Scenario.model_validate({**SMALL, "scoring": {**SMALL["scoring"], **scoring}})


@pytest.fixture
def laboratory(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that gives this process the secret of a laboratory."""
    return lambda secret: monkeypatch.setenv("AARLAB_SECRET", secret)


class _Stopped(RuntimeError):
    pass


def _stop_in_round_2(entry: LogEntry) -> None:
    if isinstance(entry.event, RoundStarted) and entry.round == 2:
        raise _Stopped


def test_every_shipped_scenario_names_the_empty_secret() -> None:
    # The worlds of the task hf are drawn from data of the user, which nobody else can draw. `adversarial` has a secret
    # for all, because it measures attacks that draw worlds again.
    names = [name for name in shipped_scenarios() if name not in ("hf", "adversarial")]
    assert {name: load_scenario(name).scoring.secret for name in names} == dict.fromkeys(names, "")


def test_laboratories_have_other_worlds_and_say_if_open(tmp_path: Path, laboratory: Callable[[str], None]) -> None:
    laboratory("one")
    first = run_scenario(scenario(), tmp_path / "1.db", **ON_ONE_CORE)
    laboratory("two")
    other = run_scenario(scenario(), tmp_path / "2.db", **ON_ONE_CORE)
    named = run_scenario(scenario(secret="one"), tmp_path / "3.db", **ON_ONE_CORE)
    public = run_scenario(scenario(secret=""), tmp_path / "4.db", **ON_ONE_CORE)
    assert first["heldout"]["pgr"] != other["heldout"]["pgr"]
    assert first["digest"] == named["digest"]
    assert [s["open_to_regeneration"] for s in (first, other, named, public)] == [False, False, False, True]


def test_a_run_needs_its_secret_wherever_it_is_continued(tmp_path: Path, laboratory: Callable[[str], None]) -> None:
    laboratory(SECRET)
    whole = run_scenario(scenario(), tmp_path / "whole.db", **ON_ONE_CORE)
    with pytest.raises(_Stopped):
        run_scenario(scenario(), tmp_path / "part.db", **ON_ONE_CORE, listeners=[_stop_in_round_2])
    with RunReader.open(tmp_path / "part.db") as file:
        recorded = Scenario.from_record(file.info().scenario)
    laboratory("another")
    for attempt in (
        lambda: resume_run(tmp_path / "part.db"),
        lambda: fork_run(tmp_path / "whole.db", tmp_path / "fork.db", recorded, at=2),
        lambda: replay_run(tmp_path / "whole.db", "live"),
    ):
        with pytest.raises(LaboratorySecretError, match=r"has another one\. Fix"):
            attempt()
    assert not (tmp_path / "fork.db").exists()
    assert replay_run(tmp_path / "whole.db").digest == whole["digest"], "the tape needs no secret"
    laboratory(SECRET)
    assert resume_run(tmp_path / "part.db")["digest"] == whole["digest"]
    assert fork_run(tmp_path / "whole.db", tmp_path / "fork.db", recorded, at=2)["heldout"] == whole["heldout"]
    for path in tmp_path.glob("*.db*"):
        assert SECRET.encode() not in path.read_bytes()
