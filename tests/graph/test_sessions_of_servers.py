"""Whole runs with model servers: forks between models, missing usage, conversations that become too long."""

from pathlib import Path
from typing import Any

import pytest
from model_servers import ModelServer, SimulatedTeam
from team_runs import run, scenario

from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.replay import replay_run
from aarlab.memory.events import ModelCall
from aarlab.memory.run_reader import RunReader

SEED = 7
SERVED = {"anthropic": ("anthropic/claude-opus-5-5", ""), "openai": ("openai/my-own", "/v1")}
each_provider = pytest.mark.parametrize("provider", SERVED)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the keys of both providers."""
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, ModelServer.key)


def served(server: ModelServer, provider: str, **changes: Any) -> dict[str, Any]:
    """Return scenario fields for researchers on the server."""
    model, path = SERVED[provider]
    live = {"base_urls": {provider: server.url + path}, **changes.pop("live", {})}
    return {"team": {"researchers": 2, "model": model}, "live": live, **changes}


@each_provider
def test_a_simulated_run_can_be_forked_under_a_live_model(tmp_path: Path, provider: str) -> None:
    parent = run(scenario(), tmp_path / "run.db")
    with ModelServer(SimulatedTeam(SEED)) as server:
        summary = fork_run(parent.file.path, tmp_path / "fork.db", scenario(**served(server, provider)), at=2)
    assert summary["status"] == "done"
    assert server.billed["calls"] > 0
    with RunReader.open(tmp_path / "fork.db") as file:
        assert {entry.event.model for entry in file.entries(ModelCall) if entry.round == 2} == {
            SERVED[provider][0].partition("/")[2]
        }
    assert replay_run(tmp_path / "fork.db").digest == summary["digest"]
    parent.file.close()
