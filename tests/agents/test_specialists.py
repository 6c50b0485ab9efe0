"""Simulated specialists do the part of the work that their system prompt names."""

from typing import Any

import pytest
from stub_environment import StubEnvironment, prompt, round_start

from aarlab.agents.models.base import Model
from aarlab.agents.models.simulated.controls import RandomSearch, RandomSearchWithPilots
from aarlab.agents.models.simulated.parsing import METHOD
from aarlab.agents.models.simulated.recipe import SearchSpace, parse_code, parse_recipe, recipe_text, write
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.agents.models.simulated.specialist import MAX_HYPOTHESES
from aarlab.scenarios.toolkit import catalogue

SPACE = SearchSpace(catalogue())
RECIPE = parse_recipe("harden() > bag(members=4)", SPACE) or ()
IDEA = ("read_findings", "post_finding", "critique")
METHODS = (*IDEA, "borrow", "write_file", "hand_off")
ANALYSIS = (*IDEA, "borrow", "run_experiment", "submit")
each_model = pytest.mark.parametrize(
    "model",
    [SimulatedResearcher(7, "r1"), RandomSearch(7, "r1"), RandomSearchWithPilots(7, "r1")],
    ids=["researcher", "random", "random with pilots"],
)


def specialist(model: Model, specialty: str, listed: list[dict[str, Any]]) -> StubEnvironment:
    """Return a specialist after a round message with these findings."""
    system = prompt().replace("As you like.", f"As you like.\n\nYour specialty: {specialty}.")
    return StubEnvironment(model, round_start(round=2, used=4.0, new_findings=listed), system=system)


def entry(finding_type: str, **details: Any) -> dict[str, Any]:
    about = {"finding": "r2.f1", "round": 1, "author": "r2", "type": finding_type, "title": "", "family": "other"}
    return {**about, "body": "", **details}


@each_model
def test_an_idea_specialist_posts_a_few_hypotheses_a_round(model: Model) -> None:
    env = specialist(model, "idea", [])
    for _ in range(MAX_HYPOTHESES + 2):
        env.next_turn(*IDEA)
    posts = [arguments for name, arguments in env.calls if name == "post_finding"]
    assert [post["type"] for post in posts] == ["hypothesis"] * MAX_HYPOTHESES
    assert len({post["body"] for post in posts}) == MAX_HYPOTHESES


@each_model
def test_a_method_specialist_hands_off_the_method_of_a_hypothesis(model: Model) -> None:
    hypothesis = entry("hypothesis", body=f"{recipe_text(RECIPE)} should work.")
    env = specialist(model, "method", [entry("hypothesis")])
    for _ in range(3):
        env.next_turn(*METHODS, answers={"read_findings": {"findings": [hypothesis]}})
    assert [name for name, _ in env.calls] == ["read_findings", "write_file", "hand_off"]
    assert parse_code(env.calls[1][1]["text"], SPACE) == RECIPE
    assert env.calls[2][1] == {"finding": "r2.f1", "path": METHOD}


@each_model
def test_an_analysis_specialist_runs_and_reports_a_handed_off_method(model: Model) -> None:
    handoff = entry("insight", code=write(RECIPE), log=None)
    answers = {"read_findings": {"findings": [handoff]}, "borrow": {"path": "borrowed/r2.f1.py", "code": ""}}
    env = specialist(model, "analysis", [entry("insight")])
    for _ in range(6):
        env.next_turn(*ANALYSIS, answers=answers)
    names = [name for name, _ in env.calls]
    assert names[:3] == ["read_findings", "borrow", "run_experiment"]
    assert {arguments["path"] for name, arguments in env.calls if name == "run_experiment"} == {"borrowed/r2.f1.py"}
    report = next(arguments for name, arguments in env.calls if name == "post_finding")
    assert report["builds_on"] == ["r2.f1"]
