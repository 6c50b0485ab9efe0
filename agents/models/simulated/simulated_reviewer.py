"""The simulated reviewer: judges by what the request shows, with some precision and recall.

It finds problems with `heuristics.diagnose`. It overlooks a problem with probability `1 - recall`, and it sees one in a
sound finding so often that a share `precision` of its critiques is justified if PREVALENCE of all findings have a
problem. So a bad reviewer makes researchers doubt sound findings, and try changes that nothing suggests.
"""

from typing import Any

import numpy as np

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated.action import Action, action_reply
from aarlab.agents.models.simulated.heuristics import REMEDIES, diagnose, log_problem
from aarlab.agents.models.simulated.parsing import json_blocks
from aarlab.memory.seeds import rng

PREVALENCE = 0.3
"""Share of findings with a problem that the rate of false alarms assumes."""
UNFOUNDED = (
    "The gain may not be real. Try {}.",
    "The score of {pgr} looks like luck. Replicate it, or try {}.",
    "The method is not convincing without {}. Try {}.",
    "I would not build on it: it needs {}.",
)
"""Critiques of sound findings, with the name of an operator."""


class SimulatedReviewer:
    """A reviewer that judges logs, standard errors and earlier runs of a method, and makes mistakes."""

    def __init__(self, seed: int, agent: str, *, name: str, precision: float, recall: float) -> None:
        """Open the reviewer of a run.

        Args:
            seed: Seed of the run.
            agent: Name of the agent.
            name: Name of the model.
            precision: Share of its critiques that are justified, in (0, 1].
            recall: Share of problems that it finds, in [0, 1].
        """
        self._seed, self._agent, self._name = seed, agent, name
        self._recall = recall
        self._false_alarms = min(1.0, recall * PREVALENCE * (1 - precision) / (precision * (1 - PREVALENCE)))

    async def reply(self, request: Request) -> Reply:
        """Return the decision or the comment."""
        case: dict[str, Any] = json_blocks(request.conversation.messages[-1].text)[-1]
        generator = rng(self._seed, self._agent, "judge", request.hash)
        wants_decision = any(tool.name == "approve" for tool in request.tools)
        problem = _problem_of_run(case) if wants_decision else diagnose(case)
        if problem is not None and generator.random() >= self._recall:
            problem = None
        elif problem is None and generator.random() < self._false_alarms and case.get("pgr", 0) is not None:
            problem = _unfounded(case, generator)
        action = _decision(problem) if wants_decision else _comment(problem)
        return action_reply(action, 0, self._name)


def _problem_of_run(case: dict[str, Any]) -> str | None:
    """Return the reason to reject a full run; None if there is none."""
    if case["same_method_posted"]:
        return f"this method has been run in full: {case['same_method_posted'][0]}"
    tried = [trial for trial in case["tried"] if trial["fidelity"] in ("smoke", "pilot")]
    if not tried:
        return "it has no cheap experiment: run a pilot first"
    if tried[-1]["error"] is not None:
        return f"the last cheap experiment failed: {tried[-1]['error']}"
    return log_problem(tried[-1]["log"])


def _unfounded(case: dict[str, Any], generator: np.random.Generator) -> str:
    """Return a critique without a reason."""
    operator = REMEDIES[int(generator.integers(len(REMEDIES)))]
    return UNFOUNDED[int(generator.integers(len(UNFOUNDED)))].format(operator, operator, pgr=case.get("pgr"))


def _decision(problem: str | None) -> Action:
    if problem is None:
        return Action("It may run.", (("approve", {"comment": "I see no problem"}),))
    return Action("Not yet.", (("reject", {"comment": problem}),))


def _comment(problem: str | None) -> Action:
    if problem is None:
        return Action("Nothing to add.")
    return Action("The team should know.", (("comment", {"comment": problem}),))
