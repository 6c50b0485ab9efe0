"""The simulated lead acts only from its request; researchers follow its tasks as far as their temperament says so."""

import json
from dataclasses import replace
from typing import Any

import pytest
from stub_environment import ask, prompt, round_start

from aarlab.agents import lead
from aarlab.agents.models.base import Request
from aarlab.agents.models.registry import open_model
from aarlab.agents.models.simulated import ideas, temperament
from aarlab.agents.models.simulated.parsing import ConversationParser
from aarlab.agents.models.simulated.recipe import SearchSpace, parse_recipe, recipe_in_text, write
from aarlab.agents.models.simulated.turn import Turn
from aarlab.agents.researcher import task_message
from aarlab.memory.messages import Conversation, user_message
from aarlab.scenarios.toolkit import catalogue

SPACE = SearchSpace(catalogue())
SYSTEM = f"You plan the work of a team.\n\n```json\n{json.dumps(catalogue())}\n```"
GOOD = parse_recipe("knn_propagate() > bag(members=4)", SPACE) or ()


def finding(number: int, pgr: float, code: str) -> dict[str, Any]:
    about = {"finding": f"r{number}.f1", "author": f"r{number}", "type": "result", "title": "", "family": "ensemble"}
    return {**about, "round": 1, "fidelity": "full", "pgr": pgr, "se": 0.02, "body": "", "method": code}


def assigned(name: str, findings: list[dict[str, Any]], *, seed: int = 1, team: int = 6) -> dict[str, lead.Task]:
    """Return the tasks that a base model assigns, given the findings on the board."""
    names = [f"r{i + 1}" for i in range(team)]
    board = {"researchers": [{"researcher": name} for name in names], "findings": findings}
    message = user_message(lead.tasks_message(board, names, round=2, rounds=6))
    request = Request(Conversation.begin(SYSTEM).then(message), (lead.ASSIGN,))
    return lead.parse_tasks(ask(open_model(name, seed=seed, agent="lead"), request))


@pytest.mark.parametrize("name", ["simulated/researcher", "simulated/random"])
@pytest.mark.parametrize("findings", [[], [finding(1, 0.6, write(GOOD))]], ids=["empty board", "one finding"])
def test_each_researcher_gets_a_recipe_to_test(name: str, findings: list[dict[str, Any]]) -> None:
    tasks = assigned(name, findings)
    assert list(tasks) == [f"r{i + 1}" for i in range(6)]
    assert all(recipe_in_text(task.text, SPACE) for task in tasks.values())
    assert {task.finding for task in tasks.values()} <= {None, *(entry["finding"] for entry in findings)}


def test_a_lead_builds_on_good_findings_more_than_on_bad_ones() -> None:
    """Over several runs, the good finding is named by more tasks than the bad one; a random lead names none."""
    bad = parse_recipe("lowrank(dims=10) > sharpen()", SPACE) or ()
    board = [finding(1, 0.6, write(GOOD)), finding(2, -0.1, write(bad))]
    named = [task.finding for seed in range(8) for task in assigned("simulated/researcher", board, seed=seed).values()]
    assert named.count("r1.f1") > named.count("r2.f1")
    assert {task.finding for task in assigned("simulated/random", board).values()} == {None}


def test_a_reply_without_valid_tasks_assigns_none() -> None:
    reply = ask(open_model("simulated/reviewer", seed=1, agent="reviewer"), Request(
        Conversation.begin(SYSTEM).then(user_message("```json\n{\"log\": []}\n```")), ()
    ))  # fmt: skip
    assert lead.parse_tasks(reply) == {}


@pytest.mark.parametrize(("compliance", "follows"), [(0.0, False), (1.0, True)])
def test_compliance_decides_whether_a_task_is_followed(compliance: float, follows: bool) -> None:
    task = user_message(task_message(1, {"task": 1, "text": "Test overlap_density().", "findings": []}))
    state = ConversationParser().state(Conversation.begin(prompt()).then(round_start(), task))
    traits = replace(temperament.draw(7, "r1", state.prompt.space), compliance=compliance)
    option = ideas.best_new_option(Turn(state, traits, 7, "r1"), pilots_allowed=True)
    assert option is not None
    assert ("overlap_density" in {step.operator for step in option.idea.recipe}) == follows


def test_the_next_round_ends_a_task() -> None:
    task = user_message(task_message(1, {"task": 1, "text": "Test harden().", "findings": []}))
    conversation = Conversation.begin(prompt()).then(round_start(), task)
    assert ConversationParser().state(conversation).task is not None
    assert ConversationParser().state(conversation.then(round_start(round=2, used=4.0))).task is None
