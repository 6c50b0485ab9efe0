"""Topology: who hears whom. The graphs are made in `aarlab.graph.neighbours_of`."""

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value != "complete":
        resolved.explanations.append(
            "Findings reach those who are connected, not everybody; what reaches you is yours."
        )


DIAL = Dial(
    name="topology",
    claim="who hears whom decides how fast a team converges, and whether on one idea",
    values={
        "complete": "everybody hears everybody",
        "scale-free": "a few are heard by many (parameters: links)",
        "small-world": "neighbours, and a few far away (parameters: neighbours, rewired)",
        "star": "one hears all, the others hear that one",
        "ring": "each hears two neighbours",
        "islands": "groups that hear nothing of each other (parameters: islands)",
        "networkx": "any generator of networkx (parameters: generator, and its own)",
        "file": "a graph file, GraphML, GEXF or an edge list (parameters: path)",
    },
    apply=_apply,
)
