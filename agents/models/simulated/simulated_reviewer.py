"""The simulated reviewer: judges by what it is shown, and is better at what it can see than at guessing PGR."""

import json
import re
from typing import Any

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated.action import Action, action_reply
from aarlab.agents.models.simulated.heuristics import log_problem

_CASE = re.compile(r"```json\n(.*?)\n```", re.DOTALL)


class SimulatedReviewer:
    """A reviewer with three questions: was it tried cheaply, does the log look sane, has it been done before?"""

    async def reply(self, request: Request) -> Reply:
        """Answer the request."""
        case: dict[str, Any] = json.loads(_CASE.findall(request.conversation.messages[-1].text)[-1])
        wants_decision = any(tool.name == "approve" for tool in request.tools)
        action = _decide_run(case) if wants_decision else _comment(case)
        return action_reply(action, 0, "simulated/reviewer")


def _decide_run(case: dict[str, Any]) -> Action:
    if case["same_method_posted"]:
        return _reject(f"this very method has been run in full: {case['same_method_posted'][0]}")
    tried = [trial for trial in case["tried"] if trial["fidelity"] in ("smoke", "pilot")]
    if not tried:
        return _reject("it has not been tried cheaply: run a pilot first")
    if tried[-1]["error"] is not None:
        return _reject(f"the last try failed: {tried[-1]['error']}")
    if problem := log_problem(tried[-1]["log"]):
        return _reject(problem)
    return Action(
        "It was tried and the log looks sane.", (("approve", {"comment": "tried cheaply, nothing odd in the log"}),)
    )


def _reject(reason: str) -> Action:
    return Action("Not yet.", (("reject", {"comment": reason}),))


def _comment(case: dict[str, Any]) -> Action:
    if case["log"] and (problem := log_problem(case["log"])):
        return Action("The log deserves a remark.", (("comment", {"comment": problem}),))
    if case.get("se") is not None and case["se"] > 0.06:
        text = f"the standard error is {case['se']:.2f}: differences smaller than twice that mean little"
        return Action("The claim is loose.", (("comment", {"comment": text}),))
    return Action("Nothing to add.")
