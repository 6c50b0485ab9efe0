"""The simulated reviewer: judges by pilots, training logs and earlier runs, and does not predict PGR."""

from typing import Any

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated.action import Action, action_reply
from aarlab.agents.models.simulated.heuristics import log_problem
from aarlab.agents.models.simulated.parsing import json_blocks


class SimulatedReviewer:
    """A reviewer that checks three things: a cheap experiment, a sound log, and no earlier run of the method."""

    async def reply(self, request: Request) -> Reply:
        """Return the decision or the comment."""
        case: dict[str, Any] = json_blocks(request.conversation.messages[-1].text)[-1]
        wants_decision = any(tool.name == "approve" for tool in request.tools)
        action = _decide_run(case) if wants_decision else _comment(case)
        return action_reply(action, 0, "simulated/reviewer")


def _decide_run(case: dict[str, Any]) -> Action:
    if case["same_method_posted"]:
        return _reject(f"this method has been run in full: {case['same_method_posted'][0]}")
    tried = [trial for trial in case["tried"] if trial["fidelity"] in ("smoke", "pilot")]
    if not tried:
        return _reject("it has no cheap experiment: run a pilot first")
    if tried[-1]["error"] is not None:
        return _reject(f"the last cheap experiment failed: {tried[-1]['error']}")
    if problem := log_problem(tried[-1]["log"]):
        return _reject(problem)
    return Action("It may run.", (("approve", {"comment": "the cheap experiment ran and its log is sound"}),))


def _reject(reason: str) -> Action:
    return Action("Not yet.", (("reject", {"comment": reason}),))


def _comment(case: dict[str, Any]) -> Action:
    if case["log"] and (problem := log_problem(case["log"])):
        return Action("The log has a problem.", (("comment", {"comment": problem}),))
    if case.get("se") is not None and case["se"] > 0.06:
        text = f"the standard error is {case['se']:.2f}: a difference smaller than twice that may be noise"
        return Action("The score is noisy.", (("comment", {"comment": text}),))
    return Action("Nothing to add.")
