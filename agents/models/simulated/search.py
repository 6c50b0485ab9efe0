"""Generation of recipes: random ones and mutations."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from types import MappingProxyType

import numpy as np

from aarlab.agents.models.simulated.recipe import Recipe, SearchSpace

MAX_STEPS = 6
"""Maximum number of steps in a recipe."""
CANDIDATES = 48
"""Number of new recipes that compete for each choice."""
MAX_PARENTS = 8
"""Maximum number of known recipes that are mutated."""
MUTATION_PROBABILITIES: Mapping[str, float] = MappingProxyType(
    {"tune": 0.35, "insert": 0.2, "remove": 0.1, "replace": 0.15, "move": 0.05, "cross": 0.15}
)
"""Probability of each kind of mutation."""


def proposals(
    parents: Sequence[Recipe], space: SearchSpace, operator_weights: Mapping[str, float], rng: np.random.Generator
) -> dict[Recipe, Recipe | None]:
    """Return CANDIDATES recipes, each with the parent it was mutated from; None if it is random.

    A quarter are random, the others are mutations of the parents, which are given best first.

    Args:
        parents: Recipes to mutate.
        space: The operators and their settings.
        operator_weights: Sampling weight of each operator.
        rng: Source of randomness.
    """
    parents = parents[:MAX_PARENTS]
    candidates: dict[Recipe, Recipe | None] = {}
    for i in range(CANDIDATES):
        if not parents or i % 4 == 0:
            candidates[random_recipe(space, operator_weights, rng)] = None
            continue
        parent = parents[min(int(rng.geometric(0.35)) - 1, len(parents) - 1)]
        child = mutate(parent, parents, space, operator_weights, rng)
        # Two mutations together can improve a recipe that neither mutation improves alone.
        if rng.random() < 0.3:
            child = mutate(child, parents, space, operator_weights, rng)
        candidates[child] = parent
    return candidates


def random_recipe(space: SearchSpace, operator_weights: Mapping[str, float], rng: np.random.Generator) -> Recipe:
    """Return a recipe of one to four steps, with operators drawn by weight."""
    return tuple(
        space.draw(_sample_operator(space, operator_weights, rng), rng) for _ in range(int(rng.integers(1, 5)))
    )


def mutate(
    recipe: Recipe,
    others: Sequence[Recipe],
    space: SearchSpace,
    operator_weights: Mapping[str, float],
    rng: np.random.Generator,
) -> Recipe:
    """Return the recipe with one random mutation: tune settings, insert, remove, replace or move a step, or cross."""
    kind = list(MUTATION_PROBABILITIES)[_weighted_index(tuple(MUTATION_PROBABILITIES.values()), rng)]
    if kind == "move" and len(recipe) > 1:
        steps = list(recipe)
        step = steps.pop(int(rng.integers(len(steps))))
        steps.insert(int(rng.integers(len(steps) + 1)), step)
        return tuple(steps)
    if kind == "cross" and others:
        return apply_mutation("cross", recipe, space, rng, partner=others[int(rng.integers(len(others)))])
    operator = _sample_operator(space, operator_weights, rng) if kind in ("insert", "replace") else None
    if kind not in ("tune", "remove", "replace") or not recipe or (kind == "remove" and len(recipe) == 1):
        return apply_mutation(
            "insert", recipe, space, rng, operator=operator or _sample_operator(space, operator_weights, rng)
        )
    return apply_mutation(kind, recipe, space, rng, replacement=operator)


def apply_mutation(
    kind: str,
    recipe: Recipe,
    space: SearchSpace,
    rng: np.random.Generator,
    *,
    operator: str | None = None,
    replacement: str | None = None,
    partner: Recipe = (),
) -> Recipe:
    """Return the recipe with one mutation. A mutation that is impossible returns the recipe unchanged.

    Args:
        kind: tune, insert, remove, replace or cross.
        recipe: The recipe to mutate.
        space: The operators and their settings.
        rng: Source of positions, cuts and settings.
        operator: The operator to tune, insert, remove or replace; if the recipe has none of it, a random step is used.
        replacement: The operator that replaces it.
        partner: The recipe to cross with: its last steps follow the first steps of `recipe`.
    """
    steps = list(recipe)
    positions = [i for i, step in enumerate(steps) if step.operator == operator] or list(range(len(steps)))
    position = positions[int(rng.integers(len(positions)))] if positions else 0
    match kind:
        case "tune" if steps:
            steps[position] = space.tune(steps[position], rng, width=0.2)
        case "insert" if operator is not None and operator in space.operators:
            steps.insert(int(rng.integers(len(steps) + 1)), space.draw(operator, rng))
        case "remove" if steps:
            del steps[position]
        case "replace" if steps and replacement is not None and replacement in space.operators:
            steps[position] = space.draw(replacement, rng)
        case "cross" if partner:
            steps = [*steps[: position + 1], *partner[int(rng.integers(len(partner))) :]]
        case _:
            pass
    return tuple(steps[:MAX_STEPS])


def _sample_operator(space: SearchSpace, operator_weights: Mapping[str, float], rng: np.random.Generator) -> str:
    name: str = space.names[_weighted_index(tuple(operator_weights[name] for name in space.names), rng)]
    return name


def _weighted_index(weights: tuple[float, ...], rng: np.random.Generator) -> int:
    """Return an index drawn by weight, much faster than `Generator.choice`."""
    edges = _edges(weights)
    return min(bisect_right(edges, rng.random() * edges[-1]), len(edges) - 1)


@lru_cache(maxsize=64)
def _edges(weights: tuple[float, ...]) -> list[float]:
    return list(accumulate(weights))
