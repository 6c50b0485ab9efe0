"""Plans of a simulated base model: ideas and directions, written before round 1."""

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
"""The tools that write a plan."""
_COUNT = re.compile(r"Write (\d+) (?:ideas|directions)")
_DEFAULT_COUNT = 8
"""Number of ideas or directions if the request has no number."""


def asked_to_plan(request: Request) -> bool:
    """Return whether a request asks for a plan."""
    return any(tool.name in (IDEAS, DIRECTIONS) for tool in request.tools)


def space_of(request: Request) -> SearchSpace:
    """Return the search space of the request. Raises ValueError if the system prompt has no catalogue."""
    return parse_prompt(request.conversation.system).space


def plan(request: Request, operator_weights: Mapping[str, float], rng: np.random.Generator) -> Action:
    """Return the requested plan, with operators drawn by weight.

    A revision of ideas keeps the ideas with the highest mean weight of the previous list and a new one.
    """
    space, count = space_of(request), _count(request)
    if any(tool.name == DIRECTIONS for tool in request.tools):
        directions = _directions(space, count, operator_weights, rng)
        return Action("Directions to start from.", ((DIRECTIONS, {"directions": directions}),))
    ideas = [random_recipe(space, operator_weights, rng) for _ in range(count)]
    if previous := _previous_ideas(request, space):
        ideas = sorted([*previous, *ideas], key=lambda recipe: -_mean_weight(recipe, operator_weights))[:count]
    return Action("Ideas to test.", ((IDEAS, {"ideas": [recipe_text(recipe) for recipe in ideas]}),))


def _count(request: Request) -> int:
    texts = [message.text for message in request.conversation.messages if message.speaker == "user"]
    counts = [int(count) for text in texts for count in _COUNT.findall(text)]
    return counts[-1] if counts else _DEFAULT_COUNT


def _previous_ideas(request: Request, space: SearchSpace) -> list[Recipe]:
    """Return the ideas of the last list it wrote; empty if there is none."""
    lists = [
        call.arguments["ideas"]
        for message in request.conversation.messages
        for call in message.tool_calls
        if call.name == IDEAS
    ]
    return [recipe_in_text(idea, space) for idea in lists[-1]] if lists else []


def _mean_weight(recipe: Recipe, operator_weights: Mapping[str, float]) -> float:
    return sum(operator_weights[step.operator] for step in recipe) / max(1, len(recipe))


def _directions(
    space: SearchSpace, count: int, operator_weights: Mapping[str, float], rng: np.random.Generator
) -> list[dict[str, Json]]:
    """Return directions that each hint at one operator and name its family. Families repeat after all are used."""
    directions: list[dict[str, Json]] = []
    families = {operator.family for operator in space.operators.values()}
    unused: set[str] = set()
    for _ in range(count):
        unused = unused or set(families)
        names = [name for name in space.names if space.operators[name].family in unused]
        weights = np.array([operator_weights[name] for name in names])
        operator = space.operators[names[int(rng.choice(len(names), p=weights / weights.sum()))]]
        unused.remove(operator.family)
        directions.append({"text": _hint(operator.about), "families": [operator.family]})
    return directions


def _hint(about: str) -> str:
    """Return the first clause of an operator's description."""
    return re.split(r"[:;,.]", about)[0].strip() + "."
