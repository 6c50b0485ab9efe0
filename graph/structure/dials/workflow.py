"""Workflow: does the researcher choose its next step, with or without advice, or does a fixed sequence of stages?"""

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure

_AUTONOMOUS = "You choose what to do next, and when. No order of work is laid down."
_SUGGESTED = (
    "A way of working that is suggested, not required: 1. read what is known; 2. propose one idea; 3. smoke test it; "
    "4. pilot it; 5. run it in full if the pilot looks promising; 6. write down what you learn; 7. share it."
)
_STAGED = (
    "Work follows a fixed sequence of stages: propose, plan, implement, smoke test, full run, analyse, share, and then "
    "from the start. In each stage you have the tools of that stage only, and the lab runs the smoke test and the full "
    "run itself."
)


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value == "staged":
        resolved.workflow = "staged"
        resolved.explanations.append(_STAGED)
    else:
        resolved.explanations.append(_SUGGESTED if value == "suggested" else _AUTONOMOUS)


DIAL = Dial(
    name="workflow",
    claim="a fixed workflow hurts: it forces full runs on ideas that nobody has tried cheaply",
    values={
        "autonomous": "the agent chooses each next step",
        "suggested": "the same, and the brief suggests the order of the stages",
        "staged": "propose, plan, implement, smoke, full run, analyse, share: fixed in the graph",
    },
    apply=_apply,
)
