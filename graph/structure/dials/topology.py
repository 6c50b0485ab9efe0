"""Topology: which researchers see each other's findings. `aarlab.graph.structure.topologies` builds the graphs."""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure
from aarlab.graph.structure.topology_schedule import TopologyChange, neighbours_by_round, neighbours_in
from aarlab.memory.events import LAB, AgentSetup, Borrowed, Edge, Finding, RoundStarted

if TYPE_CHECKING:
    from aarlab.graph.structure.run_events import RunEvents

Setups = list[tuple[int, set[str] | None]]
"""The neighbours of a researcher, None for all, each with the round from which they apply, in order."""


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value != "complete":
        resolved.explanations.append(EXPLANATION)


EXPLANATION = "Findings reach only connected researchers. You may use every finding that reaches you."
SCHEDULE_EXPLANATION = (
    "Which researchers are connected changes after some rounds; findings reach only connected researchers. You may use "
    "every finding that has reached you."
)


def _check(events: "RunEvents") -> Iterator[str]:
    yield from _unreachable_findings(events)
    yield from _missed_changes(events)


def _unreachable_findings(events: "RunEvents") -> Iterator[str]:
    setups = setups_of(events)
    posted = {entry.event.id: entry.round for entry in events.entries_of(Finding)}
    borrowed = ((entry.stream, entry.event.finding, entry.round) for entry in events.entries_of(Borrowed))
    linked = ((entry.stream, entry.event.target, entry.round) for entry in events.entries_of(Edge))
    for name, finding, round in chain(borrowed, linked):
        author = finding.split(".")[0]
        if name not in setups or author in (name, LAB) or finding in events.assigned_findings(name):
            continue
        since = min(max(posted.get(finding, 0) + 1, events.first_round), round)
        if not any(visible is None or author in visible for visible in visible_between(setups[name], since, round)):
            yield f"{name} used {finding}, which does not reach it"


def _missed_changes(events: "RunEvents") -> Iterator[str]:
    """Yield the scheduled changes that did not happen."""
    schedule = {
        int(round): TopologyChange.model_validate(c) for round, c in events.structure["topology_schedule"].items()
    }
    begun = max((entry.round for entry in events.entries_of(RoundStarted)), default=0)
    setups = setups_of(events)
    if not schedule:
        return
    topology, parameters = events.structure["topology"], events.structure["topology_parameters"]
    try:
        places = list(events.authors_by_place(0))
        by_round = neighbours_by_round(topology, parameters, schedule, places, events.scenario["seed"])
    except ValueError:  # a graph file that is not here
        return
    for round in (round for round in schedule if events.first_round <= round <= begun):
        neighbours, authors = neighbours_in(by_round, round), events.authors_by_place(round)
        for place, (*_, name) in authors.items():
            connected = () if neighbours is None else (place, *neighbours[place])
            expected = None if neighbours is None else {author for p in connected for author in authors[p]} - {name}
            if visible_between(setups[name], round, round) != [expected]:
                yield f"{name} did not get the neighbours of the topology that is scheduled for round {round}"


def setups_of(events: "RunEvents") -> dict[str, Setups]:
    """Return the neighbours of each researcher with the round from which they apply, in order."""
    setups: dict[str, Setups] = {}
    for entry in events.entries_of(AgentSetup):
        if entry.event.role == "researcher":
            visible = None if entry.event.neighbours is None else set(entry.event.neighbours)
            setups.setdefault(entry.stream, []).append((entry.round, visible))
    return setups


def visible_between(setups: Setups, first: int, last: int) -> list[set[str] | None]:
    """Return the neighbours that apply in any round from first to last."""
    ends = [start for start, _ in setups[1:]] + [last + 1]
    return [visible for (start, visible), end in zip(setups, ends, strict=True) if start <= last and end > first]


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
