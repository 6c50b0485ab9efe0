"""Ideas and directions that simulated base models write before the work begins."""

import json
from typing import Any

import pytest
from stub_environment import ask

from aarlab.agents.models.base import Request
from aarlab.agents.models.registry import open_model
from aarlab.agents.models.simulated.recipe import SearchSpace, parse_recipe, recipe_text
from aarlab.memory.messages import Conversation, Message, ToolResult, ToolSpec, user_message
from aarlab.scenarios.toolkit import FAMILIES, catalogue

SPACE = SearchSpace(catalogue())
SYSTEM = f"You plan the work of a team.\n\n```json\n{json.dumps(catalogue())}\n```"
each_model = pytest.mark.parametrize("name", ["simulated/researcher", "simulated/random"])


def written_plan(
    name: str, words: str, tool: str, *, seed: int = 1, temperament: str = "varied", again: int = 0
) -> Any:
    """Return what a base model writes when it is asked to plan, and asked again a few times."""
    model = open_model(name, seed=seed, agent="planner", temperament=temperament)
    conversation = Conversation.begin(SYSTEM).then(user_message(words))
    tools = (ToolSpec(tool, "Write them.", {}),)
    for _ in range(again):
        reply = ask(model, Request(conversation, tools))
        results = tuple(ToolResult(wish.id, "{}") for wish in reply.message.tool_calls)
        more = user_message(f"Criticise your list. {words} again.")
        conversation = conversation.then(reply.message, Message("user", results), more)
    (wish,) = ask(model, Request(conversation, tools)).message.tool_calls
    assert wish.name == tool
    return wish.arguments[tool.removeprefix("write_")]


@each_model
@pytest.mark.parametrize("again", [0, 2])
def test_as_many_ideas_are_written_as_are_asked_for_each_a_method_spelled_out(name: str, again: int) -> None:
    ideas = written_plan(name, "Write 12 ideas", "write_ideas", again=again)
    assert len(ideas) == 12
    for idea in ideas:
        recipe = parse_recipe(idea, SPACE)
        assert recipe is not None
        assert recipe_text(recipe) == idea


@each_model
def test_directions_are_different_and_name_a_family_of_the_study(name: str) -> None:
    directions = written_plan(name, "Write 9 directions", "write_directions")
    assert len(directions) == 9
    assert len({direction["text"] for direction in directions}) == 9
    families = [family for direction in directions for family in direction["families"]]
    assert set(families) <= set(FAMILIES)
    assert len(set(families)) == 9


@each_model
def test_more_directions_than_there_are_families_can_be_written(name: str) -> None:
    assert len(written_plan(name, "Write 40 directions", "write_directions")) == 40


def families_of(ideas: list[str]) -> list[str]:
    recipes = [parse_recipe(idea, SPACE) or () for idea in ideas]
    return [SPACE.operators[step.operator].family for recipe in recipes for step in recipe]


def test_ideas_follow_taste_and_the_controls_do_not() -> None:
    def share(name: str, temperament: str) -> float:
        found = [
            family
            for seed in range(10)
            for family in families_of(
                written_plan(name, "Write 40 ideas", "write_ideas", seed=seed, temperament=temperament)
            )
        ]
        return sum(family in ("evolutionary", "unsupervised elicitation") for family in found) / len(found)

    assert share("simulated/researcher", "good-taste") > share("simulated/researcher", "poor-taste") + 0.1
    assert share("simulated/random", "good-taste") == share("simulated/random", "poor-taste")


def test_criticism_brings_a_list_closer_to_taste() -> None:
    def kinds(again: int) -> float:
        lists = [
            written_plan("simulated/researcher", "Write 30 ideas", "write_ideas", seed=seed, again=again)
            for seed in range(5)
        ]
        return sum(len(set(families_of(ideas))) for ideas in lists) / len(lists)

    assert kinds(3) < kinds(0)
