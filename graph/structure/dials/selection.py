"""Selection: does the researcher choose what to try next, or does evolution on the scores?"""

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure

_EVOLUTIONARY = (
    "What is tried next is chosen by an evolutionary search on PGR: it gives you a method that has done well and the "
    "change to be made to it. You implement that change, and nothing else, until you have posted a finding with an "
    "experiment on it that builds on the method you were given. Settings and places are yours to choose."
)


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value == "evolutionary":
        resolved.assigners.append("evolution")
        resolved.explanations.append(_EVOLUTIONARY)


DIAL = Dial(
    name="selection",
    claim="selection on the score alone wastes what logs and curves tell",
    values={
        "self": "the agent chooses what to try next",
        "evolutionary": "parent and mutation are drawn by PGR (MAP-Elites over method families); the agent implements",
    },
    apply=_apply,
)
