"""Planning for others: ideas and directions that a simulated base model writes before the work begins."""

import re
from collections.abc import Mapping

import numpy as np

from aarlab.agents.models.base import Request
from aarlab.agents.models.simulated.action import Action
from aarlab.agents.models.simulated.parsing import parse_prompt
from aarlab.agents.models.simulated.recipe import Recipe, SearchSpace, recipe_in_text, recipe_text
from aarlab.agents.models.simulated.search import random_recipe
from aarlab.memory.messages import Json

IDEAS, DIRECTIONS = "write_ideas", "write_directions"
"""The tools that plans are written with."""
_WANTED = re.compile(r"Write (\d+) (?:ideas|directions)")
_DEFAULT_COUNT = 8
"""How many it writes where it is not told how many."""


def asked_to_plan(request: Request) -> bool:
    """Tell whether a request is for a plan."""
    return any(tool.name in (IDEAS, DIRECTIONS) for tool in request.tools)


def space_of(request: Request) -> SearchSpace:
    """Return the toolbox that the request's brief offers. Raises ValueError if it offers none."""
    return parse_prompt(request.conversation.system).space


def plan(request: Request, operator_weights: Mapping[str, float], rng: np.random.Generator) -> Action:
    """Return the plan that is asked for, each operator taking part by its appeal.

    Asked again for ideas, it keeps what appeals to it most of its old list and of a new one.
    """
    space, count = space_of(request), _count(request)
    if any(tool.name == DIRECTIONS for tool in request.tools):
        return Action(
            "Directions to start from.",
            ((DIRECTIONS, {"directions": _directions(space, count, operator_weights, rng)}),),
        )
    ideas = [random_recipe(space, operator_weights, rng) for _ in range(count)]
    before = _previous_ideas(request, space)
    if before:
        ideas = sorted([*before, *ideas], key=lambda recipe: -_mean_weight(recipe, operator_weights))[:count]
    return Action("Ideas to work off.", ((IDEAS, {"ideas": [recipe_text(recipe) for recipe in ideas]}),))


def _count(request: Request) -> int:
    asked = [_WANTED.findall(message.text) for message in request.conversation.messages if message.speaker == "user"]
    numbers = [int(number) for found in asked for number in found]
    return numbers[-1] if numbers else _DEFAULT_COUNT


def _previous_ideas(request: Request, space: SearchSpace) -> list[Recipe]:
    """Return the ideas of the list it wrote last."""
    lists = [
        wish.arguments["ideas"]
        for message in request.conversation.messages
        for wish in message.tool_calls
        if wish.name == IDEAS
    ]
    return [recipe_in_text(idea, space) for idea in lists[-1]] if lists else []


def _mean_weight(recipe: Recipe, operator_weights: Mapping[str, float]) -> float:
    return sum(operator_weights[step.operator] for step in recipe) / max(1, len(recipe))


def _directions(
    space: SearchSpace, count: int, operator_weights: Mapping[str, float], rng: np.random.Generator
) -> list[dict[str, Json]]:
    """Return directions that each point at an operator's idea, in few words, and name its family; no family comes again
    before all have come.
    """
    directions: list[dict[str, Json]] = []
    families = {operator.family for operator in space.operators.values()}
    left: set[str] = set()
    for _ in range(count):
        left = left or set(families)
        names = [name for name in space.names if space.operators[name].family in left]
        weights = np.array([operator_weights[name] for name in names])
        operator = space.operators[names[int(rng.choice(len(names), p=weights / weights.sum()))]]
        left.remove(operator.family)
        directions.append({"text": _hint(operator.about), "families": [operator.family]})
    return directions


def _hint(about: str) -> str:
    """Return the first clause of what an operator does: enough to point at it, too little to say how."""
    return re.split(r"[:;,.]", about)[0].strip() + "."
