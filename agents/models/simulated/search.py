"""How a simulated researcher searches: how it thinks of recipes, how it varies them, and which it tries next."""

from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType

import numpy as np

from aarlab.agents.models.simulated.belief import Belief
from aarlab.agents.models.simulated.recipe import Recipe, Toolbox

LONGEST = 6
"""Most steps in a recipe."""
CANDIDATES = 64
"""How many recipes are thought of before one is chosen."""
PROMISING = 8
"""How many known recipes are worth varying."""
VARIATIONS: Mapping[str, float] = MappingProxyType(
    {"tune": 0.35, "insert": 0.2, "remove": 0.1, "replace": 0.15, "move": 0.05, "cross": 0.15}
)
"""Chance of each kind of variation."""


def propose(
    belief: Belief,
    known: Sequence[Recipe],
    toolbox: Toolbox,
    appeal: Mapping[str, float],
    rng: np.random.Generator,
    *,
    exploration: float,
    afresh: bool = False,
    must_have: Set[str] = frozenset(),
    as_they_are: Sequence[Recipe] = (),
    done: Set[Recipe] = frozenset(),
) -> tuple[Recipe, Recipe | None]:
    """Return the recipe to try next, and the known recipe that it varies, or is, if any.

    Thinks of many recipes, fresh ones and variations of the most promising ones known, imagines from what it believes
    how each would do, and takes the best (Thompson sampling, which keeps a team that knows the same things from all
    trying the same one; Kandasamy et al. 2018). `exploration` scales what it imagines around what it expects; with
    `afresh`, it varies nothing known; with `must_have`, only recipes with at least one of those operators count.
    Recipes that may be tried `as_they_are` compete with the others; those that are `done` with do not.
    """
    promising = [known[i] for i in np.argsort(-belief.predict(known)[0], kind="stable")[:PROMISING]]
    candidates: list[tuple[Recipe, Recipe | None]] = [(recipe, recipe) for recipe in as_they_are]
    for i in range(CANDIDATES):
        if promising and i % 4 and not afresh:
            parent = promising[min(int(rng.geometric(0.35)) - 1, len(promising) - 1)]
            child = vary(parent, promising, toolbox, appeal, rng)
            # Now and then two changes at once: one alone may have to pass through a valley.
            candidates.append((vary(child, promising, toolbox, appeal, rng) if rng.random() < 0.3 else child, parent))
        else:
            candidates.append((random_recipe(toolbox, appeal, rng), None))
    fresh = [candidate for candidate in candidates if candidate[0] not in done] or candidates
    fitting = [c for c in fresh if not must_have or any(step.operator in must_have for step in c[0])] or fresh
    imagined = belief.imagine([recipe for recipe, _ in fitting], rng, exploration)
    return fitting[int(np.argmax(imagined))]


def random_recipe(toolbox: Toolbox, appeal: Mapping[str, float], rng: np.random.Generator) -> Recipe:
    """Return one to four steps, each operator drawn by its appeal."""
    return tuple(toolbox.draw(_pick(toolbox, appeal, rng), rng) for _ in range(int(rng.integers(1, 5))))


def vary(
    recipe: Recipe, others: Sequence[Recipe], toolbox: Toolbox, appeal: Mapping[str, float], rng: np.random.Generator
) -> Recipe:
    """Return a neighbour of the recipe: settings tuned, a step put in, taken out, replaced or moved, or a cross with
    another.
    """
    kind = list(VARIATIONS)[_drawn(list(VARIATIONS.values()), rng)]
    if kind == "move" and len(recipe) > 1:
        steps = list(recipe)
        step = steps.pop(int(rng.integers(len(steps))))
        steps.insert(int(rng.integers(len(steps) + 1)), step)
        return tuple(steps)
    if kind == "cross" and others:
        return change("cross", recipe, toolbox, rng, partner=others[int(rng.integers(len(others)))])
    operator = _pick(toolbox, appeal, rng) if kind in ("insert", "replace") else None
    if kind not in ("tune", "remove", "replace") or not recipe or (kind == "remove" and len(recipe) == 1):
        return change("insert", recipe, toolbox, rng, operator=operator or _pick(toolbox, appeal, rng))
    return change(kind, recipe, toolbox, rng, other=operator)


def change(
    kind: str,
    recipe: Recipe,
    toolbox: Toolbox,
    rng: np.random.Generator,
    *,
    operator: str | None = None,
    other: str | None = None,
    partner: Recipe = (),
) -> Recipe:
    """Return the recipe with one change of a kind (tune, insert, remove, replace or cross).

    Tunes, inserts or removes `operator`, puts `other` in its place, or joins the recipe's first steps with the last
    ones of `partner`. Place, cut and settings are drawn at random, and so is the step to change where `operator` is not
    one of the recipe's. What cannot be done leaves the recipe as it is.
    """
    steps = list(recipe)
    places = [i for i, step in enumerate(steps) if step.operator == operator] or list(range(len(steps)))
    where = places[int(rng.integers(len(places)))] if places else 0
    match kind:
        case "tune" if steps:
            steps[where] = toolbox.tune(steps[where], rng, width=0.2)
        case "insert" if operator is not None and operator in toolbox.operators:
            steps.insert(int(rng.integers(len(steps) + 1)), toolbox.draw(operator, rng))
        case "remove" if steps:
            del steps[where]
        case "replace" if steps and other is not None and other in toolbox.operators:
            steps[where] = toolbox.draw(other, rng)
        case "cross" if partner:
            steps = [*steps[: where + 1], *partner[int(rng.integers(len(partner))) :]]
        case _:
            pass
    return tuple(steps[:LONGEST])


def _pick(toolbox: Toolbox, appeal: Mapping[str, float], rng: np.random.Generator) -> str:
    picked: str = toolbox.names[_drawn([appeal[name] for name in toolbox.names], rng)]
    return picked


def _drawn(weights: Sequence[float], rng: np.random.Generator) -> int:
    """Return an index drawn by weight; `Generator.choice` would take five times as long."""
    edges = np.cumsum(weights)
    return min(int(np.searchsorted(edges, rng.random() * edges[-1], side="right")), len(edges) - 1)
