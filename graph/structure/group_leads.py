"""Groups with a lead each: the islands of the topology. A lead sees the findings that reach its group."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

from aarlab.graph.structure.dials import topology
from aarlab.graph.structure.dials.dial import ResolvedStructure
from aarlab.graph.structure.islands import Parameters, island_sizes
from aarlab.memory.events import LAB, Finding, ModelCall, TaskAssigned

if TYPE_CHECKING:
    from aarlab.graph.structure.run_events import RunEvents

Leads = Literal["one", "per_group"]
LEAD: Final = "lead"
"""Name of the only lead. Those of groups are lead1, lead2 and so on."""
ONE_LEAD = "A lead reads the findings of all researchers and assigns you a task"
"""Beginning of the paragraph of a researcher's system prompt about its lead."""
_GROUP_LEAD = (
    "The team has groups with a lead each. The lead of your group reads the findings of the group and of the "
    "researchers that are connected with it, and assigns you a task"
)


def groups_by_lead(leads: Leads, topology_parameters: Parameters, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the researchers to whom each lead assigns tasks, by the name of the lead, in team order.

    Args:
        leads: Whether there is one lead, or one for each island of round 1.
        topology_parameters: Parameters of the topology `islands`.
        names: The researchers, in team order.
    """
    if leads == "one":
        return {LEAD: list(names)}
    rest = list(names)
    groups: dict[str, list[str]] = {}
    for number, size in enumerate(island_sizes(len(names), *_islands(topology_parameters)), start=1):
        groups[f"{LEAD}{number}"], rest = rest[:size], rest[size:]
    return groups


def _islands(parameters: Parameters) -> list[int]:
    """Return the number of islands if it is set."""
    return [int(parameters["islands"])] if "islands" in parameters else []


def explain_group_leads(resolved: ResolvedStructure, *, shared: bool) -> None:
    """Change the explanations of a team with one lead to those of groups with a lead each.

    Args:
        resolved: The settings of all dials.
        shared: Whether researchers see each other's findings. If not, the topology concerns the leads only.
    """
    about_topology = () if shared else (topology.EXPLANATION, topology.SCHEDULE_EXPLANATION)
    texts = (text.replace(ONE_LEAD, _GROUP_LEAD) for text in resolved.explanations if text not in about_topology)
    resolved.explanations = list(texts)


def group_violations(events: "RunEvents", groups: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the tasks of a round without a call of the group's lead, and those that name a finding it did not see.

    `groups` holds the places of the researchers by lead.
    """
    lead_of_place = {place: lead for lead, group in groups.items() for place in group}
    lead_of = {name: lead_of_place[place] for name, place in events.places.items()}
    called = {(entry.stream, entry.round) for entry in events.entries_of(ModelCall) if entry.event.role == "lead"}
    posted = {entry.event.id: entry.round for entry in events.entries_of(Finding)}
    authors_by_lead = _authors_by_lead(events, lead_of)
    for entry in events.entries_of(TaskAssigned):
        name, lead = entry.stream, lead_of[entry.stream]
        if (lead, entry.round) not in called:
            yield f"{name} was assigned a task in round {entry.round}, in which {lead} was not called"
        for finding in entry.event.findings:
            author, since = finding.split(".")[0], posted.get(finding, 0) + 1
            seen = (
                visible is None or author in visible
                for setups in authors_by_lead[lead]
                for visible in topology.visible_between(setups, since, entry.round)
            )
            if author != LAB and lead_of[author] != lead and not any(seen):
                yield f"{lead} assigned {finding} to {name}, which does not reach its group"


def _authors_by_lead(events: "RunEvents", lead_of: Mapping[str, str]) -> dict[str, list[topology.Setups]]:
    """Return the neighbours of the researchers of each lead, by round."""
    by_lead: dict[str, list[topology.Setups]] = defaultdict(list)
    for name, setups in topology.setups_of(events).items():
        by_lead[lead_of[name]].append(setups)
    return by_lead
