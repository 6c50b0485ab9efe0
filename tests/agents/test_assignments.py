"""What simulated researchers do with an assignment: they carry it out, and nothing else, until it is delivered."""

import json
from typing import Any

import pytest
from correspondence import Lab, request

from aarlab.agents.models.base import Model
from aarlab.agents.models.simulated.random import RandomSearch
from aarlab.agents.models.simulated.reading import METHOD
from aarlab.agents.models.simulated.recipe import Recipe, Toolbox, phrase, read, spelled, write
from aarlab.agents.models.simulated.researcher import SimulatedResearcher
from aarlab.memory.messages import user
from aarlab.scenarios.toolkit import catalogue

TOOLBOX = Toolbox(catalogue())
everybody = pytest.mark.parametrize(
    "model", [SimulatedResearcher(7, "r1"), RandomSearch(7, "r1")], ids=["researcher", "random"]
)


def recipe(words: str) -> Recipe:
    spelt = spelled(words, TOOLBOX)
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


def carried_out(model: Model, words: str, turns: int = 8) -> tuple[list[Recipe], list[dict[str, Any]]]:
    """Return the methods written and the findings posted until an assignment is delivered."""
    lab = Lab(model, user(words))
    for _ in range(turns):
        lab.turn()
        if any(name == "post_finding" for name, _ in lab.done):
            break
    methods = [read(a["text"], TOOLBOX) for name, a in lab.done if name == "write_file" and a["path"] == METHOD]
    assert None not in methods
    return [m for m in methods if m is not None], [a for name, a in lab.done if name == "post_finding"]


@everybody
def test_an_idea_from_the_list_is_carried_out_as_it_is_written_and_reported(model: Model) -> None:
    methods, posts = carried_out(model, assignment(idea="p7", text=phrase(PARTNER)))
    assert methods == [PARTNER]
    assert posts[-1]["experiment"] is not None


@everybody
def test_an_idea_in_free_words_becomes_a_method_of_what_it_names(model: Model) -> None:
    methods, _ = carried_out(model, assignment(idea="p7", text="First harden, then cluster_vote with many clusters."))
    assert [step.operator for step in methods[0]] == ["harden", "cluster_vote"]


@everybody
def test_an_idea_that_names_no_operator_is_read_for_its_gist(model: Model) -> None:
    methods, _ = carried_out(model, assignment(idea="p7", text="Treat the teacher as a noisy channel."))
    assert [step.operator for step in methods[0]] == ["noisy_channel_em"]


@everybody
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
    methods, posts = carried_out(model, assignment(parent="r2.f4", parent_code=write(PARENT), mutation=change))
    assert [step.operator for step in methods[0]] in operators
    assert "r2.f4" in posts[-1]["builds_on"]
    untouched = [step for step in methods[0] if step.operator in ("harden", "sharpen")]
    assert untouched == [step for step in PARENT if step.operator in ("harden", "sharpen")]


@everybody
def test_an_operator_is_inserted_anywhere_and_even_into_nothing(model: Model) -> None:
    change = mutation("insert", operator="coherence")
    (method, *_), _ = carried_out(model, assignment(parent="r2.f4", parent_code=write(PARENT), mutation=change))
    assert tuple(step for step in method if step.operator != "coherence") == PARENT
    (method, *_), _ = carried_out(model, assignment(mutation=change))
    assert [step.operator for step in method] == ["coherence"]


@everybody
def test_a_cross_is_the_first_part_of_one_and_the_last_part_of_the_other(model: Model) -> None:
    change = mutation("cross", partner="r5.f1", partner_code=write(PARTNER))
    (method, *_), posts = carried_out(model, assignment(parent="r2.f4", parent_code=write(PARENT), mutation=change))
    cuts = [PARENT[:i] + PARTNER[j:] for i in range(1, 4) for j in range(2)]
    assert method in cuts
    assert {"r2.f4", "r5.f1"} <= set(posts[-1]["builds_on"])


@everybody
def test_after_delivery_the_next_assignment_is_taken_up(model: Model) -> None:
    lab = Lab(model, user(assignment(1, idea="p1", text=phrase(PARTNER))))
    while not any(name == "post_finding" for name, _ in lab.done):
        lab.turn()
    lab.tell(user(assignment(2, idea="p2", text="harden()")))
    lab.done.clear()
    while not lab.done or lab.done[-1][0] not in ("write_file", "run_experiment"):
        lab.turn()
    written = [a["text"] for name, a in lab.done if name == "write_file"]
    assert [read(text, TOOLBOX) for text in written] == [recipe("harden()")]


@everybody
def test_a_plan_is_asked_for_and_the_assignment_is_put_into_words_with_it(model: Model) -> None:
    lab = Lab(
        model, user(assignment(idea="p1", text=phrase(PARTNER))), user("## Stage: plan\n\nWrite into your notebook.")
    )
    lab.turn("read_notebook", "read_file", "write_notebook")
    assert [name for name, _ in lab.done] == ["write_notebook"]
    lab.tell(user("## Stage: implement\n\nWrite the method into `method.py` (write_file). "))
    lab.turn("read_file", "write_file")
    assert read(lab.done[-1][1]["text"], TOOLBOX) == PARTNER


def test_what_a_pilot_speaks_against_is_given_up_and_said_so() -> None:
    lab = Lab(SimulatedResearcher(7, "r1"), user(assignment(idea="p1", text=phrase(PARTNER))), pgr=-0.9)
    while not any(name == "post_finding" for name, _ in lab.done):
        lab.turn()
    post = lab.done[-1][1]
    assert post["type"] in ("insight", "result")
    assert post["experiment"] is not None
    assert request(lab.conversation)
