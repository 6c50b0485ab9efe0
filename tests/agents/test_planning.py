"""Ideas and directions that simulated base models write before round 1."""

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
    name: str, text: str, tool: str, *, seed: int = 1, temperament: str = "varied", revisions: int = 0
) -> Any:
    """Return the plan that a base model writes, after some revisions."""
    model = open_model(name, seed=seed, agent="lead", temperament=temperament)
    conversation = Conversation.begin(SYSTEM).then(user_message(text))
    tools = (ToolSpec(tool, "Write them.", {}),)
    for _ in range(revisions):
        reply = ask(model, Request(conversation, tools))
        results = tuple(ToolResult(call.id, "{}") for call in reply.message.tool_calls)
        more = user_message(f"Criticise your list. {text} again.")
        conversation = conversation.then(reply.message, Message("user", results), more)
    (call,) = ask(model, Request(conversation, tools)).message.tool_calls
    assert call.name == tool
    return call.arguments[tool.removeprefix("write_")]


@each_model
@pytest.mark.parametrize("revisions", [0, 2])
def test_the_requested_number_of_ideas_is_written_as_recipes(name: str, revisions: int) -> None:
    ideas = written_plan(name, "Write 12 ideas", "write_ideas", revisions=revisions)
    assert len(ideas) == 12
    for idea in ideas:
        recipe = parse_recipe(idea, SPACE)
        assert recipe is not None
        assert recipe_text(recipe) == idea


@each_model
def test_directions_are_different_and_name_known_families(name: str) -> None:
    directions = written_plan(name, "Write 9 directions", "write_directions")
    assert len(directions) == 9
    assert len({direction["text"] for direction in directions}) == 9
    families = [family for direction in directions for family in direction["families"]]
    assert set(families) <= set(FAMILIES)
    assert len(set(families)) == 9


@each_model
def test_there_can_be_more_directions_than_families(name: str) -> None:
    assert len(written_plan(name, "Write 40 directions", "write_directions")) == 40


def families_of(ideas: list[str]) -> list[str]:
    recipes = [parse_recipe(idea, SPACE) or () for idea in ideas]
    return [SPACE.operators[step.operator].family for recipe in recipes for step in recipe]


def test_ideas_follow_taste_except_those_of_random_search() -> None:
    def share(name: str, temperament: str) -> float:
        families = [
            family
            for seed in range(10)
            for family in families_of(
                written_plan(name, "Write 40 ideas", "write_ideas", seed=seed, temperament=temperament)
            )
        ]
        return sum(family in ("evolutionary", "curriculum", "other") for family in families) / len(families)

    assert share("simulated/researcher", "good-taste") > share("simulated/researcher", "poor-taste") * 1.5
    assert share("simulated/random", "good-taste") == share("simulated/random", "poor-taste")


def test_revisions_move_ideas_closer_to_taste() -> None:
    def family_count(revisions: int) -> float:
        lists = [
            written_plan("simulated/researcher", "Write 30 ideas", "write_ideas", seed=seed, revisions=revisions)
            for seed in range(5)
        ]
        return sum(len(set(families_of(ideas))) for ideas in lists) / len(lists)

    assert family_count(3) < family_count(0)
