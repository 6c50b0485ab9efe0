"""The next idea of a simulated researcher: the recipe with the highest value per hour, or an assignment."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np

from aarlab.agents.models.simulated import search
from aarlab.agents.models.simulated.heuristics import log_symptom, operator_relevance
from aarlab.agents.models.simulated.recipe import Recipe, RecipeStep, SearchSpace, parse_code, recipe_in_text
from aarlab.agents.models.simulated.state import ParsedAssignment, ParsedTask, TrackedIdea
from aarlab.agents.models.simulated.surrogate import PRIOR_MEAN, PRIOR_SD
from aarlab.agents.models.simulated.temperament import Temperament
from aarlab.agents.models.simulated.turn import Turn
from aarlab.agents.models.simulated.valuation import best_plans, expected_improvement
from aarlab.memory.family_keywords import follows, suggested_families

ASSIGNMENT_CANDIDATES = 24
"""Number of recipes that it considers for an assignment."""

Experiment = Literal["pilot", "full"]
"""Fidelity of an experiment that gives a score."""
Sources = Mapping[Recipe, tuple[str, ...]]
"""Recipes, each with the findings that an idea with this recipe builds on."""


@dataclass(frozen=True, slots=True)
class Option:
    """A possible next step."""

    idea: TrackedIdea
    step: Experiment
    """The first step of its best plan."""
    value: float
    """Expected gain of PGR per hour of the plan."""


def operator_weights_for(traits: Temperament, direction: str, space: SearchSpace) -> dict[str, float]:
    """Return the sampling weight of each operator: the taste for its family, times a factor for its direction."""
    hinted = suggested_families(direction)
    return {name: traits.taste[o.family] * (5 if o.family in hinted else 1) for name, o in space.operators.items()}


def best_option(turn: Turn, recipes: Sources, *, pilots_allowed: bool, written: bool = False) -> Option | None:
    """Return the option with the highest value per hour; None if there is no time for any of them.

    Args:
        turn: The turn.
        recipes: The recipes to choose from.
        pilots_allowed: Whether pilots can be run.
        written: Whether the method is written.
    """
    if not recipes:
        return None
    mean, sd = turn.surrogate.predict(list(recipes))
    values, pilot_first = best_plans(
        mean, sd * turn.traits.exploration, turn.best_score, turn.plan_hours(written=written),
        pilot_sd=turn.surrogate.pilot_sd, pilots_allowed=pilots_allowed,
    )  # fmt: skip
    best = int(np.argmax(values))
    if values[best] == -np.inf:
        return None
    recipe = list(recipes)[best]
    return Option(TrackedIdea(recipe, recipes[recipe]), "pilot" if pilot_first[best] else "full", float(values[best]))


def best_new_option(turn: Turn, *, pilots_allowed: bool) -> Option | None:
    """Return the best option other than the current idea; None if there is no time for any.

    New recipes, piloted recipes, replications of posted results, and suggestions of logs and critiques compete. With
    probability `receptivity` it considers only suggestions if there are any; with probability `compliance`, only
    recipes that fulfil its task; with probability `loyalty`, only recipes that follow its direction; with probability
    `deference`, only recipes that build on findings with a mark.
    """
    state, generator = turn.state, turn.rng("propose")
    scored = _scored_recipes(turn)
    unreplicated = {known.recipe for known in turn.known if turn.distrusts(known)}
    trusted = [recipe for recipe in scored if recipe not in unreplicated]
    means = turn.surrogate.predict_mean(trusted)
    parents = [trusted[i] for i in np.argsort(-means, kind="stable")]
    weights = operator_weights_for(turn.traits, state.prompt.direction, turn.space)
    proposed = search.proposals(parents, turn.space, weights, generator)
    suggestions = _suggestions(turn)
    receptive = bool(suggestions) and turn.bernoulli(turn.traits.receptivity, "suggestion")
    new: Sources = {recipe: scored[parent] if parent is not None else () for recipe, parent in proposed.items()}
    recipes: Sources = suggestions if receptive else {**new, **suggestions, **scored}
    if turn.followed_task is not None:
        recipes = task_recipes(turn, turn.followed_task) or recipes
    ended = {idea.recipe for idea in state.ideas if idea is state.idea or idea.is_over}
    open_recipes = {recipe: sources for recipe, sources in recipes.items() if recipe not in ended}
    hinted = suggested_families(state.prompt.direction)
    if hinted and turn.bernoulli(turn.traits.loyalty, "direction"):
        families = {recipe: [turn.space.operators[step.operator].family for step in recipe] for recipe in open_recipes}
        following = {recipe: s for recipe, s in open_recipes.items() if follows(families[recipe], hinted)}
        open_recipes = following or open_recipes
    marked = {known.id for known in turn.known if known.is_marked}
    if marked and turn.bernoulli(turn.traits.deference, "defer"):
        built_on = {recipe: sources for recipe, sources in open_recipes.items() if marked & set(sources)}
        open_recipes = built_on or open_recipes
    return best_option(turn, open_recipes, pilots_allowed=pilots_allowed)


def value_of_unknown(turn: Turn) -> float:
    """Return the value per hour of an idea of which it knows nothing, such as its next assignment."""
    mean, sd = np.array([PRIOR_MEAN]), np.array([PRIOR_SD * turn.traits.exploration])
    values, _ = best_plans(
        mean, sd, turn.best_score, turn.plan_hours(), pilot_sd=turn.surrogate.pilot_sd, pilots_allowed=True
    )
    return float(values[0])


def value_of_reading(turn: Turn) -> float:
    """Return the value per hour of reading the first unread finding.

    Its recipe is a new start: the gain is the expected improvement of a variation of it over the best recipe that it
    can start from now. At first that is the teacher's labels, with PGR 0.
    """
    first = next(iter(turn.unread), None)
    if first is None:
        return 0.0
    start = turn.surrogate.predict_mean(list(_scored_recipes(turn))).max(initial=0.0)
    gain = expected_improvement(np.array([turn.listed_score(first)]), np.array([PRIOR_SD]), float(start))
    return float(gain[0]) / max(turn.state.hours_of("think", "read"), 1e-9)


def _scored_recipes(turn: Turn) -> dict[Recipe, tuple[str, ...]]:
    """Return the recipes with a known score."""
    own: dict[Recipe, tuple[str, ...]] = {idea.recipe: () for idea in turn.state.ideas if idea.best_outcome}
    return own | {known.recipe: (known.id,) for known in turn.known if known.recipe is not None}


def _suggestions(turn: Turn) -> dict[Recipe, tuple[str, ...]]:
    """Return its recipes and those it has read with an operator inserted that a log or a critique suggests."""
    suggestions: dict[Recipe, tuple[str, ...]] = {}
    last = turn.state.idea
    if last and (outcome := last.best_outcome) and (symptom := log_symptom(outcome.log)):
        position, _, fix = symptom
        suggestions |= dict.fromkeys(_with_operator(last.recipe, fix, turn.space, position), last.builds_on)
    read = ((known.recipe, (known.id,), known.critiques) for known in turn.known if known.recipe is not None)
    own = ((idea.recipe, idea.builds_on, idea.critiques) for idea in turn.state.ideas if idea.critiques)
    for recipe, sources, critiques in chain[tuple[Recipe, tuple[str, ...], tuple[str, ...]]](read, own):
        for step in recipe_in_text(" ".join(critiques), turn.space):
            suggestions |= dict.fromkeys(_with_operator(recipe, step.operator, turn.space), sources)
    return suggestions


def _with_operator(recipe: Recipe, operator: str, space: SearchSpace, position: int | None = None) -> list[Recipe]:
    """Return the recipe with an operator inserted at a position or at each; empty if it has it or is too long."""
    if len(recipe) == search.MAX_STEPS or operator not in space.operators or operator in {s.operator for s in recipe}:
        return []
    positions = range(len(recipe) + 1) if position is None else [position]
    return [(*recipe[:i], _default_step(operator, space), *recipe[i:]) for i in positions]


# -- tasks and assignments ---------------------------------------------------------------------------------------------


def task_recipes(turn: Turn, task: ParsedTask) -> Sources:
    """Return recipes that fulfil a task; empty if the task names nothing that it knows.

    They are the recipe in the text, or that of the finding that the task names, and mutations of it. If there is none,
    they are random recipes of the families that the text suggests.
    """
    generator, space = turn.rng("task"), turn.space
    sources = (task.finding,) if task.finding is not None else ()
    recipe = recipe_in_text(task.text, space) or (_recipe_of(turn, task.finding) if task.finding is not None else None)
    weights = operator_weights_for(turn.traits, task.text, space)
    proposed = search.proposals([recipe] if recipe else [], space, weights, generator)
    if recipe:
        return dict.fromkeys([recipe, *(child for child, origin in proposed.items() if origin is not None)], sources)
    hinted = suggested_families(task.text)
    return {r: sources for r in proposed if follows([space.operators[step.operator].family for step in r], hinted)}


def _recipe_of(turn: Turn, finding: str) -> Recipe | None:
    """Return the recipe of a finding that it has read or posted; None if it knows none."""
    own = next((idea.recipe for idea in turn.state.ideas if idea.report_id == finding), None)
    return turn.state.known[finding].recipe if finding in turn.state.known else own


def assignment_recipes(turn: Turn, assignment: ParsedAssignment) -> Sources:
    """Return the recipes that fulfil an assignment, without those it has tried if there are others."""
    builds_on = tuple(finding for finding in (assignment.parent, assignment.partner) if finding)
    candidates = _assignment_candidates(turn, assignment)
    tried = {idea.recipe for idea in turn.state.ideas if idea.assignment == assignment.number}
    untried = [candidate for candidate in candidates if candidate not in tried] or candidates
    return dict.fromkeys(untried, builds_on)


def _assignment_candidates(turn: Turn, assignment: ParsedAssignment) -> list[Recipe]:
    """Return different recipes that fulfil an assignment."""
    generator, space = turn.rng("ways"), turn.space
    if assignment.kind is None:
        recipe = recipe_in_text(assignment.text, space) or (_most_relevant_step(assignment.text, space),)
        # The recipe is used unchanged, unless the text asks for other settings or the recipe has been tried.
        tune = "further" in assignment.text or any(idea.recipe == recipe for idea in turn.state.ideas)
        if not tune:
            return [recipe]
        return [search.apply_mutation("tune", recipe, space, generator) for _ in range(ASSIGNMENT_CANDIDATES)]
    parent, partner = (
        (parse_code(code, space) if code else None) or () for code in (assignment.parent_code, assignment.partner_code)
    )
    candidates = [
        search.apply_mutation(
            assignment.kind, parent, space, generator,
            operator=assignment.operator, replacement=assignment.replacement, partner=partner,
        )
        for _ in range(ASSIGNMENT_CANDIDATES)
    ]  # fmt: skip
    return list(dict.fromkeys(candidates))


def _most_relevant_step(text: str, space: SearchSpace) -> RecipeStep:
    """Return the operator that is most relevant to a text without operator names, with default settings."""
    relevance = operator_relevance(text, space)
    return _default_step(max(space.names, key=lambda name: relevance[name]), space)


def _default_step(operator: str, space: SearchSpace) -> RecipeStep:
    return RecipeStep(operator, tuple((s.name, s.default) for s in space.operators[operator].settings))
