"""How a simulated researcher searches: what it believes of recipes, how it varies them, and which it tries next.

The belief is a Gaussian process over recipes (Rasmussen and Williams 2006, chapter 2). Two recipes are alike as far
as they share operators with like settings, and neighbouring pairs of operators: so it can learn what goes well after
what.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aarlab.agents.models.simulated.recipe import Recipe, Toolbox

FloatArray = npt.NDArray[np.float64]

LONGEST = 6
"""Most steps in a recipe."""
PRIOR_MEAN, PRIOR_SD = 0.15, 0.25
"""What is expected, in PGR, of a recipe that is like none tried before."""
REACH = 0.4
"""Distance of settings, as a share of their ranges, over which a result carries over."""
SAME_OPERATOR = 0.4
"""How alike two steps are by their operator alone, whatever the settings."""
CANDIDATES = 80
"""How many recipes are thought of before one is chosen."""
PROMISING = 8
"""How many known recipes are worth varying."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A recipe and what came of it."""

    recipe: Recipe
    pgr: float
    se: float


class Belief:
    """What the trials so far say about other recipes."""

    def __init__(self, trials: Sequence[Trial], toolbox: Toolbox) -> None:
        """Condition the prior on the trials."""
        self._toolbox = toolbox
        self._tried = _marks([trial.recipe for trial in trials], toolbox)
        noise = np.array([trial.se**2 + 1e-4 for trial in trials])
        self._inverse = np.linalg.inv(PRIOR_SD**2 * _alike(self._tried, self._tried) + np.diag(noise))
        self._weights = self._inverse @ np.array([trial.pgr - PRIOR_MEAN for trial in trials])

    def predict(self, recipes: Sequence[Recipe]) -> tuple[FloatArray, FloatArray]:
        """Return the mean and the standard deviation of each recipe's PGR."""
        cross = PRIOR_SD**2 * _alike(_marks(recipes, self._toolbox), self._tried)
        variance = PRIOR_SD**2 - np.einsum("ij,jk,ik->i", cross, self._inverse, cross)
        return PRIOR_MEAN + cross @ self._weights, np.sqrt(np.maximum(variance, 1e-6))

    def imagine(self, recipes: Sequence[Recipe], rng: np.random.Generator, scale: float) -> FloatArray:
        """Return one joint draw of the recipes' PGR from the belief, its deviations from the mean times `scale`."""
        marks = _marks(recipes, self._toolbox)
        cross = PRIOR_SD**2 * _alike(marks, self._tried)
        covariance = PRIOR_SD**2 * _alike(marks, marks) - cross @ self._inverse @ cross.T
        deviations = rng.multivariate_normal(np.zeros(len(recipes)), covariance, method="eigh", check_valid="ignore")
        return np.asarray(PRIOR_MEAN + cross @ self._weights + scale * deviations)


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
) -> tuple[Recipe, Recipe | None]:
    """Return the recipe to try next, and the known recipe that it varies, if any.

    Thinks of many recipes, fresh ones and variations of the most promising ones known, imagines from what it believes
    how each would do, and takes the best (Thompson sampling, which keeps a team that knows the same things from all
    trying the same one; Kandasamy et al. 2018). `exploration` scales what it imagines around what it expects; with
    `afresh`, it varies nothing known; with `must_have`, only recipes with at least one of those operators count.
    """
    promising = [known[i] for i in np.argsort(-belief.predict(known)[0], kind="stable")[:PROMISING]]
    candidates: list[tuple[Recipe, Recipe | None]] = []
    for i in range(CANDIDATES):
        if promising and i % 4 and not afresh:
            parent = promising[min(int(rng.geometric(0.35)) - 1, len(promising) - 1)]
            child = vary(parent, promising, toolbox, appeal, rng)
            # Now and then two changes at once: one alone may have to pass through a valley.
            candidates.append((vary(child, promising, toolbox, appeal, rng) if rng.random() < 0.3 else child, parent))
        else:
            candidates.append((random_recipe(toolbox, appeal, rng), None))
    fitting = [c for c in candidates if not must_have or any(step.operator in must_have for step in c[0])] or candidates
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
    kind = str(
        rng.choice(["tune", "insert", "remove", "replace", "move", "cross"], p=[0.35, 0.2, 0.1, 0.15, 0.05, 0.15])
    )
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
    weights = np.array([appeal[name] for name in toolbox.names])
    picked: str = toolbox.names[int(rng.choice(len(weights), p=weights / weights.sum()))]
    return picked


@dataclass(frozen=True, slots=True)
class _Marks:
    """Recipes laid end to end, each between a start and an end mark, so that likeness is a few array operations."""

    operator: npt.NDArray[np.int64]
    """(s,) index of each step's operator; -1 for start and -2 for end."""
    units: FloatArray
    """(s, k) settings as shares of their ranges, padded with zeros."""
    starts: npt.NDArray[np.int64]
    """(r,) where each recipe begins."""


def _marks(recipes: Sequence[Recipe], toolbox: Toolbox) -> _Marks:
    index = {name: i for i, name in enumerate(toolbox.names)}
    widest = max(len(operator.settings) for operator in toolbox.operators.values())
    operator: list[int] = []
    units: list[tuple[float, ...]] = []
    starts: list[int] = []
    blank = (0.0,) * widest
    for recipe in recipes:
        starts.append(len(operator))
        operator += [-1, *(index[step.operator] for step in recipe), -2]
        units += [blank, *(_scaled(toolbox.units(step), widest) for step in recipe), blank]
    return _Marks(
        np.array(operator, dtype=np.int64), np.array(units).reshape(-1, widest), np.array(starts, dtype=np.int64)
    )


def _scaled(units: tuple[float, ...], width: int) -> tuple[float, ...]:
    """Return units padded to a width, scaled so that squared distances are means over the settings there are."""
    return tuple(unit / len(units) ** 0.5 for unit in units) + (0.0,) * (width - len(units))


def _alike(left: _Marks, right: _Marks) -> FloatArray:
    """Return (recipes left, recipes right) likeness in [0, 1]: half for steps shared, half for neighbouring pairs
    shared.
    """
    if not len(left.starts) or not len(right.starts):
        return np.zeros((len(left.starts), len(right.starts)))
    likeness = np.zeros((len(left.starts), len(right.starts)))
    for kind in (0, 1):
        both = _summed(left, right, kind)
        own = np.sqrt(np.outer(_own(left, kind), _own(right, kind)))
        likeness += 0.5 * both / own
    return likeness


def _summed(left: _Marks, right: _Marks, kind: int) -> FloatArray:
    """Return summed step likeness (kind 0) or neighbouring-pair likeness (kind 1) of every left with every right
    recipe.
    """
    apart = ((left.units[:, None] - right.units[None]) ** 2).sum(-1)
    near = SAME_OPERATOR + (1 - SAME_OPERATOR) * np.exp(-apart / (2 * REACH**2))
    steps = np.where(left.operator[:, None] == right.operator[None], near, 0.0)
    if kind:
        # The pair (end, next start) never counts: it would need an end mark on a row whose successor is a start mark,
        # on both sides.
        pairs = np.zeros_like(steps)
        pairs[:-1, :-1] = steps[:-1, :-1] * steps[1:, 1:]
        pairs[left.operator == -2] = 0
        steps = pairs
    return np.asarray(np.add.reduceat(np.add.reduceat(steps, left.starts, axis=0), right.starts, axis=1))


def _own(marks: _Marks, kind: int) -> FloatArray:
    ends = np.append(marks.starts[1:], len(marks.operator))
    out = []
    for start, end in zip(marks.starts, ends, strict=True):
        one = _Marks(marks.operator[start:end], marks.units[start:end], np.zeros(1, dtype=np.int64))
        out.append(_summed(one, one, kind)[0, 0])
    return np.array(out)
