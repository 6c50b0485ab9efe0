"""How a simulated researcher searches: how it thinks of recipes, how it varies them, and which it tries next."""

from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType

import numpy as np

from aarlab.agents.models.simulated.recipe import Recipe, SearchSpace
from aarlab.agents.models.simulated.surrogate import Surrogate

MAX_STEPS = 6
"""Most steps in a recipe."""
CANDIDATES = 64
"""How many recipes are thought of before one is chosen."""
MAX_PARENTS = 8
"""How many known recipes are worth varying."""
MUTATION_PROBABILITIES: Mapping[str, float] = MappingProxyType(
    {"tune": 0.35, "insert": 0.2, "remove": 0.1, "replace": 0.15, "move": 0.05, "cross": 0.15}
)
"""Chance of each kind of variation."""


def propose(
    surrogate: Surrogate,
    known: Sequence[Recipe],
    space: SearchSpace,
    operator_weights: Mapping[str, float],
    rng: np.random.Generator,
    *,
    exploration: float,
    restart: bool = False,
    required_operators: Set[str] = frozenset(),
    unchanged_recipes: Sequence[Recipe] = (),
    completed: Set[Recipe] = frozenset(),
) -> tuple[Recipe, Recipe | None]:
    """Return the recipe to try next, and the known recipe that it varies, or is, if any.

    Thinks of many recipes, fresh ones and variations of the most promising ones known, imagines from what it believes
    how each would do, and takes the best (Thompson sampling, which keeps a team that knows the same things from all
    trying the same one; Kandasamy et al. 2018). `exploration` scales what it imagines around what it expects; with
    `restart`, it varies nothing known; with `required_operators`, only recipes with at least one of those operators count.
    Recipes that may be tried `unchanged_recipes` compete with the others; those that are `completed` with do not.
    """
    promising = [known[i] for i in np.argsort(-surrogate.predict(known)[0], kind="stable")[:MAX_PARENTS]]
    candidates: list[tuple[Recipe, Recipe | None]] = [(recipe, recipe) for recipe in unchanged_recipes]
    for i in range(CANDIDATES):
        if promising and i % 4 and not restart:
            parent = promising[min(int(rng.geometric(0.35)) - 1, len(promising) - 1)]
            child = mutate(parent, promising, space, operator_weights, rng)
            # Now and then two changes at once: one alone may have to pass through a valley.
            candidates.append(
                (mutate(child, promising, space, operator_weights, rng) if rng.random() < 0.3 else child, parent)
            )
        else:
            candidates.append((random_recipe(space, operator_weights, rng), None))
    fresh = [candidate for candidate in candidates if candidate[0] not in completed] or candidates
    fitting = [
        c for c in fresh if not required_operators or any(step.operator in required_operators for step in c[0])
    ] or fresh
    sampled = surrogate.sample_scores([recipe for recipe, _ in fitting], rng, exploration)
    return fitting[int(np.argmax(sampled))]


def random_recipe(space: SearchSpace, operator_weights: Mapping[str, float], rng: np.random.Generator) -> Recipe:
    """Return one to four steps, each operator drawn by its appeal."""
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
    """Return a neighbour of the recipe: settings tuned, a step put in, taken out, replaced or moved, or a cross with
    another.
    """
    kind = list(MUTATION_PROBABILITIES)[_weighted_index(list(MUTATION_PROBABILITIES.values()), rng)]
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
    """Return the recipe with one change of a kind (tune, insert, remove, replace or cross).

    Tunes, inserts or removes `operator`, puts `replacement` in its place, or joins the recipe's first steps with the last
    ones of `partner`. Place, cut and settings are drawn at random, and so is the step to change where `operator` is not
    one of the recipe's. What cannot be done leaves the recipe as it is.
    """
    steps = list(recipe)
    places = [i for i, step in enumerate(steps) if step.operator == operator] or list(range(len(steps)))
    where = places[int(rng.integers(len(places)))] if places else 0
    match kind:
        case "tune" if steps:
            steps[where] = space.tune(steps[where], rng, width=0.2)
        case "insert" if operator is not None and operator in space.operators:
            steps.insert(int(rng.integers(len(steps) + 1)), space.draw(operator, rng))
        case "remove" if steps:
            del steps[where]
        case "replace" if steps and replacement is not None and replacement in space.operators:
            steps[where] = space.draw(replacement, rng)
        case "cross" if partner:
            steps = [*steps[: where + 1], *partner[int(rng.integers(len(partner))) :]]
        case _:
            pass
    return tuple(steps[:MAX_STEPS])


def _sample_operator(space: SearchSpace, operator_weights: Mapping[str, float], rng: np.random.Generator) -> str:
    picked: str = space.names[_weighted_index([operator_weights[name] for name in space.names], rng)]
    return picked


def _weighted_index(weights: Sequence[float], rng: np.random.Generator) -> int:
    """Return an index drawn by weight; `Generator.choice` would take five times as long."""
    edges = np.cumsum(weights)
    return min(int(np.searchsorted(edges, rng.random() * edges[-1], side="right")), len(edges) - 1)
