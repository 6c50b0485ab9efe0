"""An ablation is checked before its first run: prices, keys and roles of all arms, and settings without effect."""

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import Result

Aarlab = Callable[..., Result]

MIXED = """
    name: mixed
    scenario: small
    arms:
      free: {}
      claude: {team.model: anthropic/claude-haiku-4-5}
    seeds: 1
    controls: false
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    """Write an ablation file and return its name."""

    def write(text: str) -> str:
        (tmp_path / "my.yaml").write_text(dedent(text).lstrip("\n"))
        return "my.yaml"

    return write


def test_a_missing_key_of_any_arm_is_refused_first(
    aarlab: Aarlab, write: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    done = aarlab("ablate", write(MIXED))
    assert done.exit_code == 2
    assert "anthropic/claude-haiku-4-5\n  problem   ANTHROPIC_API_KEY is not set" in done.stderr
    assert "(arm claude)" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["my.yaml"], "nothing is written"
    plan = json.loads(aarlab("ablate", "my.yaml", "--dry-run", "--json").stdout)
    assert [missing["model"] for missing in plan["missing"]] == ["anthropic/claude-haiku-4-5"]
    assert "ANTHROPIC_API_KEY is not set" in aarlab("ablate", "my.yaml", "--dry-run").stdout


def test_a_missing_key_of_a_sensitivity_setting_is_refused(
    aarlab: Aarlab, write: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    text = """
        name: sensitive
        scenario: small
        arms: {free: {}, staged: {structure: staged}}
        seeds: 1
        sensitivity: {grid: {team.model: [anthropic/claude-haiku-4-5]}, seeds: 1}
    """
    done = aarlab("ablate", write(text))
    assert done.exit_code == 2
    assert "free with team.model=anthropic/claude-haiku-4-5" in done.stderr


@pytest.mark.parametrize("command", [("ablate", "--dry-run"), ("ablate",), ("validate",)])
def test_budget_usd_is_refused_where_a_price_is_unknown(
    aarlab: Aarlab, write: Callable[[str], str], command: tuple[str, ...]
) -> None:
    name, *options = command
    text = MIXED.replace("anthropic/claude-haiku-4-5", "openai/of-my-own") + "    budget_usd: 5\n"
    done = aarlab(name, write(text), *options)
    assert done.exit_code == 2
    assert done.stderr == (
        "my.yaml:8: budget_usd\n"
        "  problem   no price is known for openai/of-my-own (arm claude)\n"
        "  expected  `budget_tokens` instead, or `live.prices` with a file that has the price\n"
    )


@pytest.mark.parametrize("command", [("ablate", "--dry-run"), ("validate",)])
def test_a_model_in_the_wrong_role_is_refused_with_both(
    aarlab: Aarlab, write: Callable[[str], str], command: tuple[str, ...]
) -> None:
    name, *options = command
    done = aarlab(name, write(MIXED.replace("anthropic/claude-haiku-4-5", "simulated/reviewer")), *options)
    assert done.exit_code == 2
    assert done.stderr.startswith(
        "my.yaml:5: team.model (arm claude)\n"
        "  problem   simulated/reviewer has the role reviewer and cannot be the researcher\n"
        "  expected  a base model for the researcher: simulated/researcher, "
    )


INERT = """
    name: inert
    scenario: {costs: {ask: 0.4}}
    arms:
      free: {team.reviewer: simulated/reviewer-bad}
      reviewed: {team.reviewer: simulated/reviewer-bad, structure.review: gate}
    sensitivity: {grid: {costs.review: [0.4], team.overseer: [human/terminal]}, seeds: 1}
    controls: false
    seeds: 1
"""
SENTENCES = [
    "costs.ask has no effect: structure.sharing is synced, not query",
    "arm free: team.reviewer has no effect: structure.review is none",
    "sensitivity team.overseer=human/terminal: team.overseer has no effect: structure.oversight is none",
]


def test_settings_of_an_ablation_without_effect_are_said(aarlab: Aarlab, write: Callable[[str], str]) -> None:
    write(INERT)
    for command in (("validate", "my.yaml"), ("ablate", "my.yaml", "--dry-run")):
        assert json.loads(aarlab(*command, "--json").stdout)["without_effect"] == SENTENCES
        page = " ".join(aarlab(*command).stdout.split())
        assert [sentence for sentence in SENTENCES if f"! {sentence}" not in page] == []


def test_settings_of_a_scenario_without_effect_are_said(aarlab: Aarlab) -> None:
    settings = ("--set", "team.reviewer=simulated/reviewer-bad", "--set", "budget.usd=3")
    sentences = [
        "team.reviewer has no effect: structure.review is none",
        "budget.usd has no effect: all base models of the run are simulated and free",
    ]
    assert json.loads(aarlab("validate", *settings, "--json").stdout)["without_effect"] == sentences
    page = aarlab("validate", *settings).stdout
    assert page.endswith("".join(f"! {sentence}\n" for sentence in sentences))
    assert aarlab("run", "--dry-run", *settings).stderr == "".join(f"! {sentence}\n" for sentence in sentences)


@pytest.mark.parametrize("name", ["quickstart", "small", "nk", "autonomy", "dials", "reviewer", "models", "rugged"])
def test_shipped_files_have_no_setting_without_effect(aarlab: Aarlab, name: str) -> None:
    assert json.loads(aarlab("validate", name, "--json").stdout)["without_effect"] == []
