"""The simulated overseer: lets work go on unless nothing comes of it, and releases what shows no fault."""

import json
import re
from typing import Any

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated.action import Action, action_reply
from aarlab.agents.models.simulated.heuristics import log_problem

_STATE = re.compile(r"```json\n(.*?)\n```", re.DOTALL)


class SimulatedOverseer:
    """Somebody with little time: looks at the leaderboard, and at logs where it is asked to release findings."""

    async def reply(self, request: Request) -> Reply:
        """Answer the request."""
        state: dict[str, Any] = json.loads(_STATE.findall(request.conversation.messages[-1].text)[-1])
        asked_to_release = any(tool.name == "release" for tool in request.tools)
        return action_reply(
            _decide_release(state) if asked_to_release else _decide_checkpoint(state), 0, "simulated/overseer"
        )


def _decide_checkpoint(state: dict[str, Any]) -> Action:
    if not state["leaderboard"] and 2 * state["round"] > state["rounds"]:
        return Action("Half the time is gone for nothing.", (("stop", {"reason": "no result after half the rounds"}),))
    return Action("It goes well enough.", (("proceed", {"note": ""}),))


def _decide_release(state: dict[str, Any]) -> Action:
    problems = {finding["finding"]: _reason_to_withhold(finding) for finding in state["new"]}
    sound = [finding for finding, problem in problems.items() if problem is None]
    kept = "; ".join(f"{finding}: {problem}" for finding, problem in problems.items() if problem is not None)
    note = f"Not released: {kept}." if kept else ""
    return Action(
        "What has an experiment and a sane log may be shared.", (("release", {"findings": sound, "note": note}),)
    )


def _reason_to_withhold(finding: dict[str, Any]) -> str | None:
    if finding.get("fidelity") is None:
        return "no experiment stands behind it"
    return log_problem(finding.get("log") or [])
