"""Simulated researchers work only on their assignment until they have reported on it."""

import json
from typing import Any

import pytest
from stub_environment import StubEnvironment, request

from aarlab.agents.models.base import Model
from aarlab.agents.models.simulated.controls import RandomSearch
from aarlab.agents.models.simulated.parsing import METHOD
from aarlab.agents.models.simulated.recipe import Recipe, SearchSpace, parse_code, parse_recipe, recipe_text, write
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.memory.messages import user_message
from aarlab.scenarios.toolkit import catalogue

SPACE = SearchSpace(catalogue())
each_model = pytest.mark.parametrize(
    "model", [SimulatedResearcher(7, "r1"), RandomSearch(7, "r1")], ids=["researcher", "random"]
)


def recipe(text: str) -> Recipe:
    parsed = parse_recipe(text, SPACE)
    assert parsed is not None
    return parsed


PARENT = recipe("harden() > bag(members=4) > sharpen(temperature=0.5)")
PARTNER = recipe("lowrank(dims=10) > coherence(rounds=4)")


def assignment(number: int = 1, **details: Any) -> str:
    data = {
        "assignment": number,
        "idea": None,
        "text": "",
        "parent": None,
        "parent_code": None,
        "mutation": None,
        **details,
    }
    return f"## Assignment {number}\n\nWork on this.\n\n```json\n{json.dumps(data)}\n```"


def mutation(kind: str, **details: Any) -> dict[str, Any]:
    return {"kind": kind, "operator": None, "with": None, "partner": None, "partner_code": None, **details}


def run_assignment(model: Model, message: str, turns: int = 8) -> tuple[list[Recipe], list[dict[str, Any]]]:
    """Return the methods written and the findings posted until the report on an assignment."""
    env = StubEnvironment(model, user_message(message))
    for _ in range(turns):
        env.next_turn()
        if any(name == "post_finding" for name, _ in env.calls):
            break
    methods = [parse_code(a["text"], SPACE) for name, a in env.calls if name == "write_file" and a["path"] == METHOD]
    assert None not in methods
    return [m for m in methods if m is not None], [a for name, a in env.calls if name == "post_finding"]


@each_model
def test_an_idea_from_the_pool_is_run_unchanged_and_reported(model: Model) -> None:
    methods, posts = run_assignment(model, assignment(idea="p7", text=recipe_text(PARTNER)))
    assert methods == [PARTNER]
    assert posts[-1]["experiment"] is not None


@each_model
def test_an_idea_in_words_becomes_a_method_of_the_named_operators(model: Model) -> None:
    methods, _ = run_assignment(
        model, assignment(idea="p7", text="First harden, then cluster_vote with many clusters.")
    )
    assert [step.operator for step in methods[0]] == ["harden", "cluster_vote"]


@each_model
def test_an_idea_without_operators_gets_the_most_relevant_one(model: Model) -> None:
    methods, _ = run_assignment(model, assignment(idea="p7", text="Treat the teacher as a noisy channel."))
    assert [step.operator for step in methods[0]] == ["noisy_channel_em"]


@each_model
@pytest.mark.parametrize(
    ("change", "operators"),
    [
        (mutation("tune", operator="bag"), [["harden", "bag", "sharpen"]]),
        (mutation("remove", operator="bag"), [["harden", "sharpen"]]),
        (mutation("replace", operator="bag", **{"with": "knn_propagate"}), [["harden", "knn_propagate", "sharpen"]]),
    ],
    ids=["tune", "remove", "replace"],
)
def test_a_mutation_changes_only_the_named_operator(
    model: Model, change: dict[str, Any], operators: list[list[str]]
) -> None:
    methods, posts = run_assignment(model, assignment(parent="r2.f4", parent_code=write(PARENT), mutation=change))
    assert [step.operator for step in methods[0]] in operators
    assert "r2.f4" in posts[-1]["builds_on"]
    untouched = [step for step in methods[0] if step.operator in ("harden", "sharpen")]
    assert untouched == [step for step in PARENT if step.operator in ("harden", "sharpen")]


@each_model
def test_an_operator_is_inserted_even_into_an_empty_recipe(model: Model) -> None:
    change = mutation("insert", operator="coherence")
    (method, *_), _ = run_assignment(model, assignment(parent="r2.f4", parent_code=write(PARENT), mutation=change))
    assert tuple(step for step in method if step.operator != "coherence") == PARENT
    (method, *_), _ = run_assignment(model, assignment(mutation=change))
    assert [step.operator for step in method] == ["coherence"]


@each_model
def test_a_cross_joins_the_start_of_one_and_the_end_of_the_other(model: Model) -> None:
    change = mutation("cross", partner="r5.f1", partner_code=write(PARTNER))
    (method, *_), posts = run_assignment(model, assignment(parent="r2.f4", parent_code=write(PARENT), mutation=change))
    cuts = [PARENT[:i] + PARTNER[j:] for i in range(1, 4) for j in range(2)]
    assert method in cuts
    assert {"r2.f4", "r5.f1"} <= set(posts[-1]["builds_on"])


@each_model
def test_after_the_report_the_next_assignment_starts(model: Model) -> None:
    env = StubEnvironment(model, user_message(assignment(1, idea="p1", text=recipe_text(PARTNER))))
    while not any(name == "post_finding" for name, _ in env.calls):
        env.next_turn()
    env.send(user_message(assignment(2, idea="p2", text="harden()")))
    env.calls.clear()
    while not env.calls or env.calls[-1][0] not in ("write_file", "run_experiment"):
        env.next_turn()
    written = [a["text"] for name, a in env.calls if name == "write_file"]
    assert [parse_code(text, SPACE) for text in written] == [recipe("harden()")]


@each_model
def test_the_plan_stage_announces_the_assigned_idea(model: Model) -> None:
    env = StubEnvironment(
        model,
        user_message(assignment(idea="p1", text=recipe_text(PARTNER))),
        user_message("## Stage: plan\n\nWrite into your notebook."),
    )
    env.next_turn("read_notebook", "read_file", "write_notebook")
    assert [name for name, _ in env.calls] == ["write_notebook"]
    env.send(user_message("## Stage: implement\n\nWrite the method into `method.py` (write_file). "))
    env.next_turn("read_file", "write_file")
    assert parse_code(env.calls[-1][1]["text"], SPACE) == PARTNER


def test_an_assignment_with_a_bad_pilot_is_reported() -> None:
    env = StubEnvironment(
        SimulatedResearcher(7, "r1"), user_message(assignment(idea="p1", text=recipe_text(PARTNER))), pgr=-0.9
    )
    while not any(name == "post_finding" for name, _ in env.calls):
        env.next_turn()
    post = env.calls[-1][1]
    assert post["type"] in ("insight", "result")
    assert post["experiment"] is not None
    assert request(env.conversation)
