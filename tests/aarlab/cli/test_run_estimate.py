"""Tests of the cost estimate that is printed before a run."""

import json
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest
from click.testing import Result
from model_servers import ModelServer, SimulatedTeam

from aarlab import open_run
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.run.cost_estimate import estimate_cost

Aarlab = Callable[..., Result]
CLAUDE = ["--set", "team.model=anthropic/claude-opus-5-5"]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove API keys from the environment."""
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "")


def test_dry_run_prints_cost_and_limits_only(aarlab: Aarlab, tmp_path: Path) -> None:
    done = aarlab("run", "--dry-run", *CLAUDE)
    assert done.exit_code == 0, done.stderr
    assert "9 researchers (anthropic/claude-opus-5-5) on chat" in done.stdout
    assert "Estimated cost: $" in done.stdout
    assert "Limits: none besides the 16 research hours. Set one with --set budget.usd=20." in done.stdout
    limited = aarlab("run", "--dry-run", *CLAUDE, "--set", "budget.usd=20", "--set", "budget.calls_per_agent=50").stdout
    assert (
        "Limits: the run is stopped and scored at $20 (budget.usd) or 50 calls of one agent "
        "(budget.calls_per_agent)." in limited
    )
    assert list(tmp_path.iterdir()) == []


def test_what_makes_results_void_or_doubtful_is_said_before_the_run(aarlab: Aarlab, tmp_path: Path) -> None:
    secret, hours = "could compute the labels from public code", "no researcher can have a result"
    short = ["--set", "budget.hours=2.3", "--set", "budget.round_hours=1"]
    private = ["--set", "scoring.secret=private"]
    for settings, expected in ((CLAUDE, [secret]), ([*CLAUDE, *private], []), ([], []), (short, [hours])):
        done = aarlab("run", "--dry-run", *settings)
        assert [text for text in (secret, hours) if text in done.stderr] == expected
    (tmp_path / "my.yaml").write_text(
        "name: my\narms: {a: {}, b: {budget.hours: 2.3, budget.round_hours: 1}}\nseeds: 1\n"
    )
    assert hours in aarlab("ablate", str(tmp_path / "my.yaml"), "--dry-run").stderr
    enough = ["--set", "budget.hours=2.4", "--set", "budget.round_hours=1"]
    assert hours not in aarlab("run", "--dry-run", *enough).stderr


def test_simulated_teams_are_free(aarlab: Aarlab) -> None:
    assert "Estimated cost: none." in aarlab("run", "--dry-run").stdout


def test_unknown_price_gives_unknown_cost(aarlab: Aarlab) -> None:
    mixed = ["--set", "structure=reviewed", "--set", "team.reviewer=openai/mine"]
    output = aarlab("run", "--dry-run", *mixed).stdout
    assert "Estimated cost: unknown, as openai/mine has no price (set live.prices)." in output
    planned = json.loads(aarlab("run", "--dry-run", "--json", *mixed).stdout)
    assert (planned["status"], planned["estimate"]["unpriced"]) == ("planned", ["openai/mine"])
    assert planned["estimate"]["high"]["usd"] is None
    assert {model["name"] for model in planned["models"]} == {"simulated/researcher", "openai/mine"}


def test_more_hours_and_researchers_cost_more() -> None:
    def high(*settings: str) -> float:
        usd = estimate_cost(load_scenario(None, ["team.model=anthropic/claude-opus-5-5", *settings])).high.usd
        assert usd is not None
        return usd

    assert high("team.researchers=3") < high("live.max_tokens=500") < high() < high("budget.hours=32")
    assert high("live.compact_at=30000") < high()


def test_each_role_costs_its_calls_if_all_have_one_model() -> None:
    roles = {"review=advisory": "reviewer", "sharing=query": "librarian", "oversight=checkpoint": "overseer"}
    settings = [(f"structure.{dial}", f"team.{role}=anthropic/claude-opus-5-5") for dial, role in roles.items()]

    def calls(*overrides: str) -> int:
        return estimate_cost(load_scenario(None, overrides)).high.calls

    each = [calls(*pair) for pair in settings]
    assert min(each) > 0
    assert calls(*chain(*settings)) == sum(each)


def test_roles_of_the_close_cost_their_calls() -> None:
    claude = "anthropic/claude-opus-5-5"
    monitored = estimate_cost(load_scenario(None, [f"monitor.model={claude}", "team.researchers=3"]))
    assert (monitored.low.calls, monitored.high.calls) == (3, 3)
    without, replicated = (
        estimate_cost(load_scenario(None, [f"team.model={claude}", f"close.replicate={value}"])).low.calls
        for value in ("false", "true")
    )
    assert replicated - without == 3


def test_cost_of_a_run_is_in_the_estimated_range(
    aarlab: Aarlab, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", ModelServer.key)
    prices = tmp_path / "prices.yaml"
    prices.write_text("anthropic: {models: {m: {input: 4, output: 20, cache_read: 0.2, cache_write: 5}}}")
    with ModelServer(SimulatedTeam(1)) as server:
        live = f"{{base_urls: {{anthropic: {server.url}}}, prices: {prices}}}"
        options = [*tiny, "--set", "team.model=anthropic/m", "--set", f"live={live}"]
        output = json.loads(aarlab("run", "--dry-run", "--json", *options).stdout)["estimate"]
        done = aarlab("run", "--json", *options)
    spent = json.loads(done.stdout)
    assert output["low"]["usd"] <= spent["cost_usd"] <= output["high"]["usd"]
    assert output["low"]["calls"] <= server.billed["calls"] <= output["high"]["calls"]
    assert "Estimated cost: $" in done.stderr
    with open_run(spent["file"]) as file:
        hours = sum(max(entry.hours for entry in file.entries(stream=name)) for name in file.researchers())
    assert 6 < hours <= 12
    assert spent["usd_per_hour"] == pytest.approx(spent["cost_usd"] / hours, abs=1e-4)
