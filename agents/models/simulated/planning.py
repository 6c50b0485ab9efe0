"""Planning for others: ideas and directions that a simulated base model writes before the work begins."""

import re
from collections.abc import Mapping

import numpy as np

from aarlab.agents.models.base import Request
from aarlab.agents.models.simulated.move import Move
from aarlab.agents.models.simulated.reading import read_brief
from aarlab.agents.models.simulated.recipe import Recipe, Toolbox, mentioned, phrase
from aarlab.agents.models.simulated.search import random_recipe
from aarlab.memory.messages import Json

IDEAS, DIRECTIONS = "write_ideas", "write_directions"
"""The tools that plans are written with."""
_WANTED = re.compile(r"Write (\d+) (?:ideas|directions)")
_FEW = 8
"""How many it writes where it is not told how many."""


def asked_to_plan(request: Request) -> bool:
    """Tell whether a request is for a plan."""
    return any(tool.name in (IDEAS, DIRECTIONS) for tool in request.tools)


def toolbox_of(request: Request) -> Toolbox:
    """Return the toolbox that the request's brief offers. Raises ValueError if it offers none."""
    return read_brief(request.conversation.system).toolbox


def plan(request: Request, appeal: Mapping[str, float], rng: np.random.Generator) -> Move:
    """Return the plan that is asked for, each operator taking part by its appeal.

    Asked again for ideas, it keeps what appeals to it most of its old list and of a new one.
    """
    toolbox, count = toolbox_of(request), _count(request)
    if any(tool.name == DIRECTIONS for tool in request.tools):
        return Move(
            "Directions to start from.", ((DIRECTIONS, {"directions": _directions(toolbox, count, appeal, rng)}),)
        )
    ideas = [random_recipe(toolbox, appeal, rng) for _ in range(count)]
    before = _written(request, toolbox)
    if before:
        ideas = sorted([*before, *ideas], key=lambda recipe: -_liking(recipe, appeal))[:count]
    return Move("Ideas to work off.", ((IDEAS, {"ideas": [phrase(recipe) for recipe in ideas]}),))


def _count(request: Request) -> int:
    asked = [_WANTED.findall(message.text) for message in request.conversation.messages if message.speaker == "user"]
    numbers = [int(number) for found in asked for number in found]
    return numbers[-1] if numbers else _FEW


def _written(request: Request, toolbox: Toolbox) -> list[Recipe]:
    """Return the ideas of the list it wrote last."""
    lists = [
        wish.arguments["ideas"]
        for message in request.conversation.messages
        for wish in message.tool_uses
        if wish.name == IDEAS
    ]
    return [mentioned(idea, toolbox) for idea in lists[-1]] if lists else []


def _liking(recipe: Recipe, appeal: Mapping[str, float]) -> float:
    return sum(appeal[step.operator] for step in recipe) / max(1, len(recipe))


def _directions(
    toolbox: Toolbox, count: int, appeal: Mapping[str, float], rng: np.random.Generator
) -> list[dict[str, Json]]:
    """Return directions that each point at an operator's idea, in few words, and name its family; no family comes again
    before all have come.
    """
    directions: list[dict[str, Json]] = []
    families = {operator.family for operator in toolbox.operators.values()}
    left: set[str] = set()
    for _ in range(count):
        left = left or set(families)
        names = [name for name in toolbox.names if toolbox.operators[name].family in left]
        weights = np.array([appeal[name] for name in names])
        operator = toolbox.operators[names[int(rng.choice(len(names), p=weights / weights.sum()))]]
        left.remove(operator.family)
        directions.append({"text": _hint(operator.about), "families": [operator.family]})
    return directions


def _hint(about: str) -> str:
    """Return the first clause of what an operator does: enough to point at it, too little to say how."""
    return re.split(r"[:;,.]", about)[0].strip() + "."
