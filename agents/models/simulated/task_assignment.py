"""The tasks that a simulated base model assigns to researchers, from the findings that its request lists."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from aarlab.agents.models.base import Request
from aarlab.agents.models.simulated import search
from aarlab.agents.models.simulated.action import Action
from aarlab.agents.models.simulated.ideas import operator_weights_for
from aarlab.agents.models.simulated.parsing import json_blocks, parse_prompt
from aarlab.agents.models.simulated.recipe import Recipe, parse_code, recipe_text
from aarlab.agents.models.simulated.state import KnownFinding, ParsedState
from aarlab.agents.models.simulated.turn import Turn
from aarlab.agents.models.simulated.valuation import expected_improvement
from aarlab.memory.messages import Json

ASSIGN = "assign_tasks"
"""The tool that assigns tasks."""
Proposal = tuple[Recipe, str | None]
"""A recipe to test, and the finding that it changes; None: none."""


def asked_to_assign(request: Request) -> bool:
    """Return whether a request asks for tasks."""
    return any(tool.name == ASSIGN for tool in request.tools)


def board_of(request: Request) -> dict[str, Any]:
    """Return the researchers and the findings that a request lists."""
    board: dict[str, Any] = json_blocks(request.conversation.messages[-1].text)[-1]
    return board


def state_of(request: Request) -> ParsedState:
    """Return the state of a researcher that has read all findings of a request, and nothing else."""
    state = ParsedState(parse_prompt(request.conversation.system))
    for data in board_of(request)["findings"]:
        recipe = parse_code(data["method"], state.prompt.space) if data.get("method") else None
        state.known[data["finding"]] = KnownFinding(
            data["finding"], data["author"], data["type"], data["title"], recipe,
            data.get("pgr"), data.get("se"), data.get("fidelity"), log=[], critiques=(),
        )  # fmt: skip
    return state


def best_proposals(turn: Turn, count: int, rng: np.random.Generator) -> list[Proposal]:
    """Return the recipes with the highest expected improvement over the best score, of as many families as possible.

    The candidates are random recipes and mutations of those on the board, as for a researcher.
    """
    sources = {known.recipe: known.id for known in turn.known if known.recipe is not None}
    means = turn.surrogate.predict_mean(list(sources))
    parents = [list(sources)[i] for i in np.argsort(-means, kind="stable")]
    weights = operator_weights_for(turn.traits, "", turn.space)
    proposed = search.proposals(parents, turn.space, weights, rng)
    mean, sd = turn.surrogate.predict(list(proposed))
    values = expected_improvement(mean, sd * turn.traits.exploration, turn.best_score)
    ranked = [list(proposed)[i] for i in np.argsort(-values, kind="stable")]
    seen: dict[str, int] = {}
    rank_in_family: dict[Recipe, int] = {}
    for recipe in ranked:
        family = turn.space.family(recipe)
        rank_in_family[recipe] = seen[family] = seen.get(family, -1) + 1
    chosen = sorted(ranked, key=lambda recipe: rank_in_family[recipe])
    origins = [proposed[recipe] for recipe in chosen]
    proposals = [(r, None if o is None else sources[o]) for r, o in zip(chosen, origins, strict=True)]
    return [proposals[i % len(proposals)] for i in range(count)]


def task_action(request: Request, proposals: Sequence[Proposal]) -> Action:
    """Return the action that assigns each researcher of a request its proposal, in order."""
    tasks: list[Json] = []
    for researcher, (recipe, finding) in zip(board_of(request)["researchers"], proposals, strict=True):
        start = "Test" if finding is None else f"Build on {finding}: test"
        task: dict[str, Json] = {"researcher": researcher["researcher"], "text": f"{start} {recipe_text(recipe)}."}
        tasks.append(task if finding is None else {**task, "finding": finding})
    return Action("The tasks of this round.", ((ASSIGN, {"tasks": tasks}),))
