"""A recorded run as a base model: every agent repeats its recorded replies."""

from pathlib import Path
from typing import Any

import pytest
from model_servers import ModelServer, SummarisingTeam
from team_runs import FAST_STRUCTURES, Run, run, scenario, structures
from test_compaction import run_on_server

from aarlab.agents.models.registry import find_model
from aarlab.memory.events import AgentSetup, Compaction, ModelCall


def team_on(path: Path, **changes: Any) -> dict[str, Any]:
    """Return a team of two in which all agents use a recorded run as base model."""
    name = f"tape/{path}"
    return {"researchers": 2, **dict.fromkeys(("model", "reviewer", "librarian", "overseer"), name), **changes}


def effects(run: Run) -> dict[str, list[str]]:
    """Return the events by stream, without model names in setups and without costs."""
    streams: dict[str, list[str]] = {}
    for entry in run.entries:
        match entry.event:
            case AgentSetup():
                continue
            case ModelCall() as call:
                text = f"{call.role} {call.request} {call.reply} {call.stop_reason} {call.input_tokens} {call.model}"
            case event:
                text = str(event)
        streams.setdefault(entry.stream, []).append(f"{entry.round} {entry.hours} {text}")
    return streams


# test_resume_replay_fork.py replays every pair of dial values, so nearly every value once is enough here.
@pytest.mark.long
@structures(FAST_STRUCTURES)
def test_tape_model_repeats_the_recorded_run(run: Run, tmp_path: Path) -> None:
    team = scenario(structure=run.scenario.structure, team=team_on(run.file.path))
    again = run_again(team, tmp_path)
    assert effects(again) == effects(run)
    again.file.close()


def run_again(team: Any, folder: Path) -> Run:
    """Run a team in the folder of the first run."""
    return run(team, folder / "again.db")


def test_tape_model_is_free_and_repeats_rejections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", ModelServer.key)
    with ModelServer(SummarisingTeam(), window=10_500) as server:
        first = run_on_server(server, tmp_path / "first.db")
    assert first.of(Compaction)
    n_requests = len(server.requests)
    budget = first.scenario.budget.model_dump()
    again = run_again(scenario(team=team_on(first.file.path), budget=budget), tmp_path)
    assert effects(again) == effects(first)
    assert (first.summary["cost_usd"], again.summary["cost_usd"]) == (None, 0.0)
    assert len(server.requests) == n_requests
    for done in (first, again):
        done.file.close()


def test_missing_tape_is_reported_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("no run")
    for name, text in (("nowhere.db", "there is no file"), ("notes.db", "is not a run file")):
        missing = find_model(f"tape/{tmp_path / name}").missing_requirement()
        assert missing is not None
        assert text in missing
        assert "the path of a run file" in missing
