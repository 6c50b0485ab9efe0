"""Workflow: does the researcher choose its next step, or does a fixed sequence of stages?"""

from aarlab.graph.dials.dial import Blueprint, Dial

_AUTONOMOUS = "You choose what to do next, and when. No order of work is laid down."
_STAGED = (
    "Work follows a fixed sequence of stages: propose, plan, implement, smoke test, full run, analyse, share, and then "
    "from the start. In each stage you have the tools of that stage only, and the lab runs the smoke test and the full "
    "run itself."
)


def _draw(value: str, blueprint: Blueprint) -> None:
    if value == "staged":
        blueprint.workflow = "staged"
        blueprint.explained.append(_STAGED)
    else:
        blueprint.explained.append(_AUTONOMOUS)


DIAL = Dial(
    name="workflow",
    claim="a fixed workflow hurts: it forces full runs on ideas that nobody has tried cheaply",
    values={
        "autonomous": "the agent chooses each next step",
        "staged": "propose, plan, implement, smoke, full run, analyse, share: fixed in the graph",
    },
    draw=_draw,
)
