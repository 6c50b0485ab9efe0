"""Topology: which researchers see each other's findings. `aarlab.graph.structure.topologies` builds the graphs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure
from aarlab.memory.events import LAB, Borrowed, Edge

if TYPE_CHECKING:
    from aarlab.graph.structure.run_events import RunEvents


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value != "complete":
        resolved.explanations.append(
            "Findings reach only connected researchers. You may use every finding that reaches you."
        )


def _check(events: "RunEvents") -> Iterator[str]:
    neighbours = {name: setup.neighbours for name, setup in events.setups.items()}
    used = [(name, borrowed.finding) for name, borrowed in events.of(Borrowed)]
    used += [(name, edge.target) for name, edge in events.of(Edge) if name in neighbours]
    for name, finding in used:
        author, visible = finding.split(".")[0], neighbours[name]
        if visible is not None and author not in (name, LAB) and author not in visible:
            yield f"{name} used {finding}, which does not reach it"


DIAL = Dial(
    name="topology",
    claim="the topology determines how fast a team converges, and whether it converges on one idea",
    values={
        "complete": "all findings reach all researchers",
        "scale-free": "a few researchers have many neighbours (parameters: links)",
        "small-world": "near neighbours and a few distant ones (parameters: neighbours, rewired)",
        "star": "one researcher is connected to all others, which are connected only to it",
        "ring": "each researcher has two neighbours",
        "islands": "groups, separate or with edges between them (parameters: islands, bridges, rewired)",
        "networkx": "any networkx generator (parameters: generator and its own parameters)",
        "file": "a graph file: GraphML, GEXF or an edge list (parameters: path)",
    },
    apply=_apply,
    check=_check,
)
