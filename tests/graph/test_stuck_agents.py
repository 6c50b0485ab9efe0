"""An agent that repeats one failing call is said to be stuck, and takes no decisions by it."""

from pathlib import Path

import pytest
from team_runs import scenario

from aarlab.agents.models import registry
from aarlab.agents.models.base import Model, Reply, Request
from aarlab.agents.models.simulated.action import Action, action_reply
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.replay import replay_run
from aarlab.memory.events import Decision, FailedRepeat
from aarlab.memory.run_reader import RunReader


class StuckModel:
    """Calls a tool that does not exist, again and again."""

    def __init__(self) -> None:
        self.turn = 0

    async def reply(self, request: Request) -> Reply:
        """Make the same call."""
        self.turn += 1
        return action_reply(Action("Once more.", (("run_experimant", {"path": "m.py"}),)), self.turn, "stuck")


def _open_stuck(seed: int, agent: str, temperament: str) -> Model:
    return StuckModel()


def test_a_stuck_agent_is_said_and_has_no_autonomy_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = registry.ModelInfo("test/stuck", "repeats a failing call", "nothing", _open_stuck)
    monkeypatch.setattr(registry, "MODELS", {**registry.MODELS, info.name: info})
    team = {"researchers": 1, "model": info.name}
    summary = run_scenario(scenario(team=team, structure={"opening": "none"}), tmp_path / "run.db")
    with RunReader.open(tmp_path / "run.db") as file:
        repeats = [entry.event.times for entry in file.entries(FailedRepeat)]
        steps = [entry.event.choice for entry in file.entries(Decision) if entry.event.decision == "next_step"]
    assert repeats == list(range(2, len(repeats) + 2))
    assert len(repeats) > 5
    assert steps == ["run_experimant"]
    (stuck,) = summary["stuck"]
    assert (stuck["agent"], stuck["tool"], stuck["times"]) == ("r1", "run_experimant", repeats[-1])
    assert summary["failed_repeats"] == len(repeats)
    assert replay_run(tmp_path / "run.db").digest == summary["digest"]
