"""A recorded run as a base model: everybody says again what they said, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from model_servers import ModelServer, SummarisingTeam
from team_runs import Run, each_value, run, scenario, structures
from test_compaction import run_on_server

from aarlab.agents.models.registry import find_model
from aarlab.memory.events import AgentSetup, Compaction, ModelCall


def team_on(path: Path, **changes: Any) -> dict[str, Any]:
    """Return a team of two in which everybody is played from a tape."""
    name = f"tape/{path}"
    return {"researchers": 2, **dict.fromkeys(("model", "reviewer", "librarian", "overseer"), name), **changes}


def happened(run: Run) -> dict[str, list[str]]:
    """Return everything that happened, stream by stream, except who was asked and what it cost."""
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


# Every pair of values is replayed in test_again.py; here it is who is asked, and for that each value by itself will do.
@structures(each_value())
def test_a_team_that_is_played_from_a_tape_does_what_it_did(run: Run, tmp_path: Path) -> None:
    team = scenario(structure=run.scenario.structure, team=team_on(run.file.path))
    again = run_again(team, tmp_path)
    assert happened(again) == happened(run)
    again.file.close()


def run_again(team: Any, folder: Path) -> Run:
    """Run it beside the first run."""
    return run(team, folder / "again.db")


def test_what_was_paid_for_costs_nothing_again_and_what_was_refused_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", ModelServer.key)
    with ModelServer(SummarisingTeam(), window=10_500) as server:
        first = run_on_server(server, tmp_path / "first.db")
    assert first.of(Compaction)
    there = len(server.requests)
    budget = first.scenario.budget.model_dump()
    again = run_again(scenario(team=team_on(first.file.path), budget=budget), tmp_path)
    assert happened(again) == happened(first)
    assert (first.summary["cost_usd"], again.summary["cost_usd"]) == (None, 0.0)
    assert len(server.requests) == there
    for done in (first, again):
        done.file.close()


def test_a_tape_that_is_not_there_is_said_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("no run")
    for name, text in (("nowhere.db", "there is no file"), ("notes.db", "is not a run file")):
        missing = find_model(f"tape/{tmp_path / name}").missing_requirement()
        assert missing is not None
        assert text in missing
        assert "the path of a run file" in missing
