"""Sources of a simulated researcher's next idea: a repair, an assignment, or the search."""

from collections.abc import Callable

import numpy as np

from aarlab.agents.models.simulated import search
from aarlab.agents.models.simulated.heuristics import log_symptom, operator_relevance
from aarlab.agents.models.simulated.recipe import Recipe, RecipeStep, SearchSpace, parse_code, recipe_in_text
from aarlab.agents.models.simulated.state import ParsedAssignment, TrackedIdea
from aarlab.agents.models.simulated.temperament import Temperament
from aarlab.agents.models.simulated.turn import ASSUMED_PILOT_SE, FULL_RUN_STEPS, Turn

ASSIGNMENT_CANDIDATES = 24
"""Number of recipes that it considers for an assignment."""


def operator_weights_for(traits: Temperament, direction: str, space: SearchSpace) -> dict[str, float]:
    """Return the sampling weight of each operator: the taste for its family, times a factor for relevance."""
    relevance = operator_relevance(direction, space)
    return {name: traits.taste[o.family] * (1 + 5 * relevance[name]) for name, o in space.operators.items()}


def next_idea(turn: Turn) -> TrackedIdea:
    """Return the next idea.

    It is the first that exists: a repair of the last idea, a variation of the last idea, a proposal of the search.
    """
    return _repair(turn) or _variation(turn) or _proposal(turn)


def _repair(turn: Turn) -> TrackedIdea | None:
    """Return the last idea with an inserted operator that fixes the problem in its training log; None without one."""
    last = turn.state.idea
    if last is None or last.repair_depth:
        return None
    outcome = last.best_outcome
    if outcome is None or not (symptom := log_symptom(outcome.log)):
        return None
    position, _, fix = symptom
    if fix not in turn.space.operators or any(step.operator == fix for step in last.recipe):
        return None
    steps = [*last.recipe[:position], _default_step(fix, turn.space), *last.recipe[position:]]
    repaired = tuple(steps[: search.MAX_STEPS])
    if any(idea.recipe == repaired for idea in turn.state.ideas) or not turn.promising(repaired):
        return None
    return TrackedIdea(repaired, last.builds_on, repair_depth=last.repair_depth + 1)


def _variation(turn: Turn) -> TrackedIdea | None:
    """Return the last idea with other settings, with probability `stubbornness` if it was dropped; else None."""
    last = turn.state.idea
    persists = turn.bernoulli(turn.traits.stubbornness, "stay")
    if last is None or not last.recipe or "full" in last.outcomes or not persists:
        return None
    return TrackedIdea(search.apply_mutation("tune", last.recipe, turn.space, turn.rng("stay")), last.builds_on)


def _proposal(turn: Turn) -> TrackedIdea:
    """Return the proposal of the search: a new recipe, or a piloted recipe that is worth a full run."""
    state, traits, direction = turn.state, turn.traits, turn.state.prompt.direction
    generator = turn.rng("propose")
    sources = _scored_recipes(turn)
    completed = {trial.recipe for trial in turn.trials if trial.se < ASSUMED_PILOT_SE}
    piloted = [recipe for recipe in sources if recipe not in completed]
    if piloted and not state.can_afford("write", "pilot", "think", *FULL_RUN_STEPS):
        # There is time for one more full run but not for a pilot first.
        best = piloted[int(np.argmax(turn.surrogate.predict(piloted)[0]))]
        return TrackedIdea(best, sources[best])
    follows_direction = bool(direction) and generator.random() < traits.loyalty
    relevance = operator_relevance(direction, turn.space)
    # Exploration decreases over the run, because its results can be used only in the remaining time.
    left = max(0.0, 1 - state.hours / state.budget)
    recipe, parent = search.propose(
        turn.surrogate,
        list(sources),
        turn.space,
        operator_weights_for(traits, direction, turn.space),
        generator,
        exploration=traits.exploration * left,
        restart=bool(generator.random() < traits.restlessness * left),
        required_operators={name for name, r in relevance.items() if r > 0.5} if follows_direction else set(),
        unchanged_recipes=list(filter(turn.promising, piloted)),
        completed=completed,
    )
    return TrackedIdea(recipe, sources.get(parent, ()) if parent is not None else ())


def _scored_recipes(turn: Turn) -> dict[Recipe, tuple[str, ...]]:
    """Return the recipes with a known score, each with the findings that an idea with this recipe builds on."""
    own = {idea.recipe: () for idea in turn.state.ideas if idea.best_outcome}
    return own | {k.recipe: (k.id,) for k in turn.state.known.values() if k.recipe and k.pgr is not None}


# -- assignments ----------------------------------------------------------------------------------------------------


def assigned_idea(turn: Turn, assignment: ParsedAssignment, choose: Callable[[list[Recipe]], Recipe]) -> TrackedIdea:
    """Return an idea that fulfils an assignment. `choose` selects one of the possible recipes."""
    builds_on = tuple(finding for finding in (assignment.parent, assignment.partner) if finding)
    candidates = _assignment_candidates(turn, assignment)
    tried = {idea.recipe for idea in turn.state.ideas if idea.assignment == assignment.number}
    untried = [candidate for candidate in candidates if candidate not in tried] or candidates
    return TrackedIdea(choose(untried), builds_on, assignment.number)


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
