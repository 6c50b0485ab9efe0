"""Sharing: do researchers see what the others found?"""

from aarlab.graph.dials.dial import Blueprint, Dial

_NONE = "You work alone: nobody reads your findings before the close, and you cannot read theirs."
_SYNCED = (
    "All findings of all researchers are synced into your lab between rounds: each round opens with what is new, and "
    "you can browse the board, read a finding with its method, borrow it and critique it."
)
_NEEDS_OTHERS = ("search_board", "borrow", "critique")


def _draw(value: str, blueprint: Blueprint) -> None:
    if value == "synced":
        blueprint.team_nodes.append("publish")
        blueprint.explained.append(_SYNCED)
    else:
        blueprint.withheld.update(_NEEDS_OTHERS)
        blueprint.explained.append(_NONE)


DIAL = Dial(
    name="sharing",
    claim="findings synced to everybody help most: they surface what nobody would have searched for",
    values={
        "none": "each researcher sees its own findings only",
        "synced": "all findings reach everybody between rounds",
    },
    draw=_draw,
)
