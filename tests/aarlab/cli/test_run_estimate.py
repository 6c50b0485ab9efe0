"""What a run will about cost, said before it begins."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from model_servers import ModelServer, SimulatedTeam

from aarlab.config.scenario_files import load_scenario
from aarlab.graph.run.cost_estimate import estimate_cost

Aarlab = Callable[..., Result]
CLAUDE = ["--set", "team.model=anthropic/claude-opus-5-5"]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is taken from the environment of whoever runs the tests."""
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "")


def test_a_dry_run_says_what_it_would_cost_and_what_ends_it_and_does_nothing(aarlab: Aarlab, tmp_path: Path) -> None:
    done = aarlab("run", "--dry-run", *CLAUDE)
    assert done.exit_code == 0, done.stderr
    assert "9 researchers (anthropic/claude-opus-5-5) on chat" in done.stdout
    assert "This run will cost about $" in done.stdout
    assert "Nothing stops it before its 16 research hours are over: --set budget.usd=20 does." in done.stdout
    limited = aarlab("run", "--dry-run", *CLAUDE, "--set", "budget.usd=20", "--set", "budget.calls_per_agent=50").stdout
    assert (
        "It is stopped, and scored, at $20 (budget.usd) or 50 calls of one agent (budget.calls_per_agent)." in limited
    )
    assert list(tmp_path.iterdir()) == []


def test_simulated_teams_cost_nothing(aarlab: Aarlab) -> None:
    assert "This run costs nothing" in aarlab("run", "--dry-run").stdout


def test_a_price_that_is_not_known_is_said_to_be_unknown(aarlab: Aarlab) -> None:
    mixed = ["--set", "structure=reviewed", "--set", "team.reviewer=openai/mine"]
    told = aarlab("run", "--dry-run", *mixed).stdout
    assert "What this run will cost is not known, for there is no price for openai/mine (live.prices)" in told
    planned = json.loads(aarlab("run", "--dry-run", "--json", *mixed).stdout)
    assert (planned["status"], planned["estimate"]["unpriced"]) == ("planned", ["openai/mine"])
    assert planned["estimate"]["high"]["usd"] is None
    assert {model["name"] for model in planned["models"]} == {"simulated/researcher", "openai/mine"}


def test_more_hours_and_more_researchers_cost_more() -> None:
    def high(*settings: str) -> float:
        usd = estimate_cost(load_scenario(None, ["team.model=anthropic/claude-opus-5-5", *settings])).high.usd
        assert usd is not None
        return usd

    assert high("team.researchers=3") < high("live.max_tokens=500") < high() < high("budget.hours=32")
    assert high("live.compact_at=30000") < high()


def test_what_a_run_costs_lies_in_the_range_that_was_told(
    aarlab: Aarlab, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", ModelServer.key)
    prices = tmp_path / "prices.yaml"
    prices.write_text("anthropic: {models: {m: {input: 4, output: 20, cache_read: 0.2, cache_write: 5}}}")
    with ModelServer(SimulatedTeam(1)) as server:
        live = f"{{base_urls: {{anthropic: {server.url}}}, prices: {prices}}}"
        options = [*tiny, "--set", "team.model=anthropic/m", "--set", f"live={live}"]
        told = json.loads(aarlab("run", "--dry-run", "--json", *options).stdout)["estimate"]
        done = aarlab("run", "--json", "--sandbox", "none", *options)
    spent = json.loads(done.stdout)
    assert told["low"]["usd"] <= spent["cost_usd"] <= told["high"]["usd"]
    assert told["low"]["calls"] <= server.billed["calls"] <= told["high"]["calls"]
    assert "This run will cost about $" in done.stderr
    assert spent["usd_per_hour"] == pytest.approx(spent["cost_usd"] / 12, rel=0.2)
