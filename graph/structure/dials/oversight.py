"""Oversight: is a person asked before the work goes on, or before findings are shared?"""

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value == "checkpoint":
        resolved.team_nodes.append("oversee")
        resolved.explanations.append("From time to time an overseer looks at the board, and may say something or stop.")
    elif value == "gate":
        resolved.team_nodes = ["release" if node == "publish" else node for node in resolved.team_nodes]
        resolved.explanations.append("An overseer decides after each round which of the new findings are shared.")


DIAL = Dial(
    name="oversight",
    claim="what a person in the loop does to a team has not been measured",
    values={
        "none": "nobody is asked",
        "checkpoint": "a person is asked every structure.checkpoint_rounds rounds whether the work should go on",
        "gate": "a person decides after each round which findings the others get to see",
    },
    apply=_apply,
)
