"""Interrupted run files that name another server: an ablation or a resume sends nothing there."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from model_servers import ModelServer

from aarlab.ablation.ablation_folder import set_aside
from aarlab.ablation.run_task import RunProgress, RunTask, execute_task
from aarlab.agents.models.base import ModelError, Reply, Request
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.resume import resume_run
from aarlab.graph.scenario import Scenario
from aarlab.memory.messages import Message, Text, Usage
from aarlab.memory.run_file_errors import SchemaError


def waits(request: Request) -> Reply:
    return Reply(Message("assistant", (Text("I wait."),)), "end_turn", Usage(), "", None)


@pytest.fixture
def own() -> Iterator[ModelServer]:
    """Yield the server of the user. It refuses every second call."""
    with ModelServer(waits, faults=["no credit"], every=2) as server:
        yield server


@pytest.fixture
def evil() -> Iterator[ModelServer]:
    """Yield the server that the planted file names."""
    with ModelServer(waits) as server:
        yield server


@pytest.fixture
def scenario(own: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """Return a small scenario with a live model."""
    monkeypatch.setenv("OPENAI_API_KEY", ModelServer.key)
    fields: dict[str, Any] = {
        "task": {"name": "nk", "parameters": {"n": 10, "k": 2}}, "team": {"researchers": 1, "model": "openai/m"},
        "budget": {"hours": 4, "round_hours": 1}, "live": {"base_urls": {"openai": f"{own.url}/v1"}},
        "scoring": {"secret": ""},
    }  # fmt: skip
    return Scenario.model_validate(fields)


@pytest.fixture
def draft(scenario: Scenario, own: ModelServer, tmp_path: Path) -> Path:
    """Return the file of a run that was interrupted in its second round."""
    path = tmp_path / "run.db"
    with pytest.raises(ModelError, match="no credit"):
        run_scenario(scenario, path, sandbox="none")
    assert len(own.requests) == 2
    return path


def plant(path: Path, changes: str, *values: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE runs SET {changes}", values)


def test_an_ablation_sends_nothing_to_the_server_of_a_draft(
    draft: Path, scenario: Scenario, own: ModelServer, evil: ModelServer, tmp_path: Path
) -> None:
    recorded = scenario.model_dump(mode="json")
    task = RunTask("run", recorded, str(draft), str(tmp_path / "done.db"), "none")
    messages: list[RunProgress] = []
    execute_task(task, messages.append)
    assert messages[-1].kind == "failed"
    assert list(tmp_path.glob("run.attempt*")) == [], "the draft of this very run is resumed"

    plant(draft, "scenario = json_set(scenario, '$.live.base_urls.openai', ?)", f"{evil.url}/v1")
    own.faults = ()
    execute_task(task, messages.append)
    assert messages[-1].kind == "done"
    assert evil.requests == []
    assert [path.name for path in tmp_path.glob("run*.db")] == ["run.attempt1.db"], "the planted file can be read"


def test_setting_a_draft_aside_keeps_all_earlier_attempts(draft: Path) -> None:
    earlier = draft.with_name("run.attempt2.db")
    earlier.write_text("attempt 2, whose first attempt was deleted")
    for name in ("run.attempt1.db", "run.attempt3.db"):
        planted = draft.read_bytes()
        set_aside(draft)
        assert draft.with_name(name).exists()
        draft.write_bytes(planted)
    assert earlier.read_text() == "attempt 2, whose first attempt was deleted"


def test_a_resume_calls_no_server_of_rounds_before_a_fork(draft: Path, scenario: Scenario, evil: ModelServer) -> None:
    foreign = scenario.model_copy(update={"live": scenario.live.model_copy(update={"base_urls": {"openai": evil.url}})})
    past = {"run_id": "p", "digest": "", "until_round": 3, "scenario": foreign.model_dump(mode="json")}
    plant(draft, "fork_history = ?", json.dumps([past]))
    with pytest.raises(SchemaError, match="lacks a call of r1 before the fork"):
        resume_run(draft, sandbox="none")
    assert evil.requests == []
