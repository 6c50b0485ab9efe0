"""Review: does a reviewer agent comment on findings, or hold the key to full runs?"""

from aarlab.graph.dials.dial import Blueprint, Dial

_ADVISORY = "A reviewer reads what is posted and comments on it between rounds."
_GATE = (
    _ADVISORY
    + " It also has to approve every full run before it starts; it is shown your method and what you tried before."
)


def _draw(value: str, blueprint: Blueprint) -> None:
    if value == "none":
        return
    blueprint.team_nodes.append("review")
    blueprint.gated = value == "gate"
    blueprint.explained.append(_GATE if blueprint.gated else _ADVISORY)


DIAL = Dial(
    name="review",
    claim="what review does to a team has not been measured",
    values={
        "none": "no reviewer",
        "advisory": "a reviewer comments on findings between rounds",
        "gate": "a reviewer comments, and nothing runs in full without its approval",
    },
    draw=_draw,
)
