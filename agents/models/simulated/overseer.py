"""The simulated overseer: lets work go on unless nothing comes of it, and releases what shows no fault."""

import json
import re
from typing import Any

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated.glance import fault_of
from aarlab.agents.models.simulated.move import Move, spoken_reply

_STATE = re.compile(r"```json\n(.*?)\n```", re.DOTALL)


class SimulatedOverseer:
    """Somebody with little time: looks at the leaderboard, and at logs where it is asked to release findings."""

    async def reply(self, request: Request) -> Reply:
        """Answer the request."""
        state: dict[str, Any] = json.loads(_STATE.findall(request.conversation.messages[-1].text)[-1])
        asked_to_release = any(tool.name == "release" for tool in request.tools)
        return spoken_reply(_release(state) if asked_to_release else _go_on(state), 0, "simulated/overseer")


def _go_on(state: dict[str, Any]) -> Move:
    if not state["leaderboard"] and 2 * state["round"] > state["rounds"]:
        return Move("Half the time is gone for nothing.", (("stop", {"reason": "no result after half the rounds"}),))
    return Move("It goes well enough.", (("proceed", {"note": ""}),))


def _release(state: dict[str, Any]) -> Move:
    doubts = {finding["finding"]: _doubt(finding) for finding in state["new"]}
    sound = [finding for finding, doubt in doubts.items() if doubt is None]
    kept = "; ".join(f"{finding}: {doubt}" for finding, doubt in doubts.items() if doubt is not None)
    note = f"Not released: {kept}." if kept else ""
    return Move(
        "What has an experiment and a sane log may be shared.", (("release", {"findings": sound, "note": note}),)
    )


def _doubt(finding: dict[str, Any]) -> str | None:
    if finding.get("fidelity") is None:
        return "no experiment stands behind it"
    return fault_of(finding.get("log") or [])
