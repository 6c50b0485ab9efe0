"""Oversight: is a person asked before the work goes on, or before findings are shared?"""

from aarlab.graph.dials.dial import Blueprint, Dial


def _draw(value: str, blueprint: Blueprint) -> None:
    if value == "checkpoint":
        blueprint.team_nodes.append("oversee")
        blueprint.explained.append("From time to time an overseer looks at the board, and may say something or stop.")
    elif value == "gate":
        blueprint.team_nodes = ["release" if node == "publish" else node for node in blueprint.team_nodes]
        blueprint.explained.append("An overseer decides after each round which of the new findings are shared.")


DIAL = Dial(
    name="oversight",
    claim="what a person in the loop does to a team has not been measured",
    values={
        "none": "nobody is asked",
        "checkpoint": "a person is asked every structure.checkpoint_rounds rounds whether the work should go on",
        "gate": "a person decides after each round which findings the others get to see",
    },
    draw=_draw,
)
