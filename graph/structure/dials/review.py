"""Review: does a reviewer agent comment on findings, or hold the key to full runs?"""

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure

_ADVISORY = "A reviewer reads what is posted and comments on it between rounds."
_GATE = (
    _ADVISORY
    + " It also has to approve every full run before it starts; it is shown your method and what you tried before."
)


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value == "none":
        return
    resolved.team_nodes.append("review")
    resolved.gated = value == "gate"
    resolved.explanations.append(_GATE if resolved.gated else _ADVISORY)


DIAL = Dial(
    name="review",
    claim="what review does to a team has not been measured",
    values={
        "none": "no reviewer",
        "advisory": "a reviewer comments on findings between rounds",
        "gate": "a reviewer comments, and nothing runs in full without its approval",
    },
    apply=_apply,
)
