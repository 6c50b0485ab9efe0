"""What simulated researchers do with an assignment: they carry it out, and nothing else, until it is delivered."""

import json
from typing import Any

import pytest
from stub_environment import StubEnvironment, request

from aarlab.agents.models.base import Model
from aarlab.agents.models.simulated.parsing import METHOD
from aarlab.agents.models.simulated.random_search import RandomSearch
from aarlab.agents.models.simulated.recipe import Recipe, SearchSpace, parse_code, parse_recipe, recipe_text, write
from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher
from aarlab.memory.messages import user_message
from aarlab.scenarios.toolkit import catalogue

SPACE = SearchSpace(catalogue())
each_model = pytest.mark.parametrize(
    "model", [SimulatedResearcher(7, "r1"), RandomSearch(7, "r1")], ids=["researcher", "random"]
)


def recipe(words: str) -> Recipe:
    spelt = parse_recipe(words, SPACE)
    assert spelt is not None
    return spelt


PARENT = recipe("harden() > bag(members=4) > sharpen(temperature=0.5)")
PARTNER = recipe("lowrank(dims=10) > coherence(rounds=4)")


def assignment(number: int = 1, **given: Any) -> str:
    told = {
        "assignment": number,
        "idea": None,
        "text": "",
        "parent": None,
        "parent_code": None,
        "mutation": None,
        **given,
    }
    return f"## Assignment {number}\n\nWork on this.\n\n```json\n{json.dumps(told)}\n```"


def mutation(kind: str, **given: Any) -> dict[str, Any]:
    return {"kind": kind, "operator": None, "with": None, "partner": None, "partner_code": None, **given}


def run_assignment(model: Model, words: str, turns: int = 8) -> tuple[list[Recipe], list[dict[str, Any]]]:
    """Return the methods written and the findings posted until an assignment is delivered."""
    env = StubEnvironment(model, user_message(words))
    for _ in range(turns):
        env.next_turn()
        if any(name == "post_finding" for name, _ in env.calls):
            break
    methods = [parse_code(a["text"], SPACE) for name, a in env.calls if name == "write_file" and a["path"] == METHOD]
    assert None not in methods
    return [m for m in methods if m is not None], [a for name, a in env.calls if name == "post_finding"]


@each_model
def test_an_idea_from_the_list_is_carried_out_as_it_is_written_and_reported(model: Model) -> None:
    methods, posts = run_assignment(model, assignment(idea="p7", text=recipe_text(PARTNER)))
    assert methods == [PARTNER]
    assert posts[-1]["experiment"] is not None


@each_model
def test_an_idea_in_free_words_becomes_a_method_of_what_it_names(model: Model) -> None:
    methods, _ = run_assignment(
        model, assignment(idea="p7", text="First harden, then cluster_vote with many clusters.")
    )
    assert [step.operator for step in methods[0]] == ["harden", "cluster_vote"]


@each_model
def test_an_idea_that_names_no_operator_is_read_for_its_gist(model: Model) -> None:
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
def test_a_change_of_a_method_is_made_where_it_is_asked_for(
    model: Model, change: dict[str, Any], operators: list[list[str]]
) -> None:
    methods, posts = run_assignment(model, assignment(parent="r2.f4", parent_code=write(PARENT), mutation=change))
    assert [step.operator for step in methods[0]] in operators
    assert "r2.f4" in posts[-1]["builds_on"]
    untouched = [step for step in methods[0] if step.operator in ("harden", "sharpen")]
    assert untouched == [step for step in PARENT if step.operator in ("harden", "sharpen")]


@each_model
def test_an_operator_is_inserted_anywhere_and_even_into_nothing(model: Model) -> None:
    change = mutation("insert", operator="coherence")
    (method, *_), _ = run_assignment(model, assignment(parent="r2.f4", parent_code=write(PARENT), mutation=change))
    assert tuple(step for step in method if step.operator != "coherence") == PARENT
    (method, *_), _ = run_assignment(model, assignment(mutation=change))
    assert [step.operator for step in method] == ["coherence"]


@each_model
def test_a_cross_is_the_first_part_of_one_and_the_last_part_of_the_other(model: Model) -> None:
    change = mutation("cross", partner="r5.f1", partner_code=write(PARTNER))
    (method, *_), posts = run_assignment(model, assignment(parent="r2.f4", parent_code=write(PARENT), mutation=change))
    cuts = [PARENT[:i] + PARTNER[j:] for i in range(1, 4) for j in range(2)]
    assert method in cuts
    assert {"r2.f4", "r5.f1"} <= set(posts[-1]["builds_on"])


@each_model
def test_after_delivery_the_next_assignment_is_taken_up(model: Model) -> None:
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
def test_a_plan_is_asked_for_and_the_assignment_is_put_into_words_with_it(model: Model) -> None:
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


def test_what_a_pilot_speaks_against_is_given_up_and_said_so() -> None:
    env = StubEnvironment(
        SimulatedResearcher(7, "r1"), user_message(assignment(idea="p1", text=recipe_text(PARTNER))), pgr=-0.9
    )
    while not any(name == "post_finding" for name, _ in env.calls):
        env.next_turn()
    post = env.calls[-1][1]
    assert post["type"] in ("insight", "result")
    assert post["experiment"] is not None
    assert request(env.conversation)
