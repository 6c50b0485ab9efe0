"""Whole runs with model servers: forks between models, missing usage, conversations that become too long."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_servers import ModelServer, SimulatedTeam, SummarisingTeam
from team_runs import FAST_STRUCTURES, Dials, Run, run, scenario

from aarlab.agents.models.base import ModelError, Reply, Request
from aarlab.agents.researcher import summary_request
from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.replay import replay_run
from aarlab.memory.events import Compaction, FailedModelCall, LimitReached, ModelCall
from aarlab.memory.messages import Message, Text, Usage
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
def test_a_simulated_run_can_be_forked_under_a_live_model(
    run_of: Callable[[Dials], Run], tmp_path: Path, provider: str
) -> None:
    parent = run_of(FAST_STRUCTURES[0])
    with ModelServer(SimulatedTeam(SEED)) as server:
        summary = fork_run(parent.file.path, tmp_path / "fork.db", scenario(**served(server, provider)), at=2)
    assert summary["status"] == "done"
    assert server.billed["calls"] > 0
    with RunReader.open(tmp_path / "fork.db") as file:
        assert {entry.event.model for entry in file.entries(ModelCall) if entry.round == 2} == {
            SERVED[provider][0].partition("/")[2]
        }
    assert replay_run(tmp_path / "fork.db").digest == summary["digest"]


def test_a_run_without_usage_has_unknown_tokens_and_the_same_scores(
    run_of: Callable[[Dials], Run], tmp_path: Path
) -> None:
    embedded = run_of(FAST_STRUCTURES[0])
    with ModelServer(SimulatedTeam(SEED), reports_usage=False) as server:
        done = run(scenario(**served(server, "openai")), tmp_path / "run.db")
    assert (done.summary["tokens"], done.summary["cost_usd"]) == (None, None)
    assert done.summary["model_calls"] == server.billed["calls"] == len(server.requests)
    assert done.summary["heldout"] == embedded.summary["heldout"]
    assert {entry.event.input_tokens for entry in done.entries_of(ModelCall)} == {None}
    assert replay_run(tmp_path / "run.db").digest == done.summary["digest"]
    done.file.close()


def test_a_token_limit_without_usage_ends_the_run_at_once(tmp_path: Path) -> None:
    budget = {"hours": 3, "round_hours": 1.5, "tokens": 10_000_000}
    with ModelServer(SimulatedTeam(SEED), reports_usage=False) as server:
        with pytest.raises((ModelError, ExceptionGroup)):
            run(scenario(**served(server, "openai", budget=budget)), tmp_path / "run.db")
        assert len(server.requests) <= 2, "each researcher asks once"
    with RunReader.open(tmp_path / "run.db") as file:
        (failed, *_) = [entry.event for entry in file.entries(FailedModelCall)]
    assert "does not report how many tokens" in failed.fault
    assert failed.cost_usd is None


def test_a_full_context_leads_to_compaction_and_is_paid_for(tmp_path: Path) -> None:
    """Claude ends a reply at the end of its context with a stop reason instead of an error."""
    team = SummarisingTeam()

    def answer(request: Request) -> Reply:
        messages = request.conversation.messages
        if len(messages) > 14 and messages[-1].text != summary_request():
            return Reply(Message("assistant", (Text("Let me"),)), "model_context_window_exceeded", Usage(), "", None)
        return team(request)

    with ModelServer(answer) as server:
        done = run(scenario(**served(server, "anthropic")), tmp_path / "run.db")
    assert team.summary_count == len(done.entries_of(Compaction)) > 0
    assert done.entries_of(LimitReached) == []
    failed = [entry.event for entry in done.entries_of(FailedModelCall)]
    assert len(failed) == team.summary_count
    assert all("model_context_window_exceeded" in attempt.fault for attempt in failed)
    booked = sum(call.known_tokens for call in failed) + sum(e.event.known_tokens for e in done.entries_of(ModelCall))
    assert booked == server.billed["input"] + server.billed["output"]
    assert replay_run(tmp_path / "run.db").digest == done.summary["digest"]
    done.file.close()
