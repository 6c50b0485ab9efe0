"""Coordination: peers decide alone what to work on, a lead assigns tasks, or specialists hand off their work."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from aarlab.graph.structure.dials import sharing
from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure
from aarlab.graph.structure.group_leads import ONE_LEAD, group_violations, groups_by_lead
from aarlab.memory.events import LAB, Borrowed, Edge, Experiment, Finding, ModelCall, TaskAssigned, ToolExecution

if TYPE_CHECKING:
    from aarlab.graph.structure.run_events import RunEvents

_TASKS = (
    f"{ONE_LEAD} at the start of each round. Report to it by posting findings. You may deviate from a task if you have "
    "a better idea."
)
_EXPLANATIONS = {
    "hybrid": _TASKS,
    "lead": f"{_TASKS} Of the team's findings you see only your own and those that your tasks name.",
}


_SPECIALISTS = (
    "The researchers are specialists. An idea specialist posts hypotheses (post_finding). A method specialist writes "
    "methods for posted hypotheses and hands them off (hand_off). An analysis specialist borrows methods that were "
    "handed off (borrow), runs them (run_experiment) and posts the results. Other methods are not run."
)
_WITHHELD: Mapping[str, AbstractSet[str]] = {
    "idea": {"borrow", "write_file", "hand_off", "run_experiment", "submit"},
    "method": {"run_experiment", "submit"},
    "analysis": {"write_file", "hand_off"},
}
"""Tools that each specialist does not get."""
SPECIALTIES = ("analysis", "idea", "method")
"""In the order in which researchers get them: experiments take most time, so analysis comes first."""


def specialties_of(agent: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the specialties of a researcher: analysis, idea and method in turn; small teams share them out."""
    index = names.index(agent)
    match len(names):
        case 1:
            return SPECIALTIES
        case 2:
            return ("idea", "analysis") if index == 0 else ("method",)
        case _:
            return (SPECIALTIES[index % len(SPECIALTIES)],)


def withheld_of(agent: str, names: Sequence[str]) -> AbstractSet[str]:
    """Return the tools that a specialist does not get: those of none of its specialties. A team of one has no handoffs.

    Its only researcher does not get hand_off.
    """
    withheld = [set(_WITHHELD[specialty]) for specialty in specialties_of(agent, names)]
    return set.intersection(*withheld) or {"hand_off"}


def specialty_explanation(agent: str, names: Sequence[str]) -> str:
    """Return the paragraph of an agent's system prompt that names its specialties."""
    if len(names) == 1:
        return "You are the only researcher, so you do the work of all specialists, and hand off nothing."
    return f"Your specialty: {' and '.join(specialties_of(agent, names))}."


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value == "peers":
        return
    if value == "specialists":
        resolved.has_specialists = True
        resolved.explanations.append(_SPECIALISTS)
        return
    resolved.has_lead = True
    resolved.explanations.append(_EXPLANATIONS[value])
    if value == "lead":
        resolved.explanations.remove(sharing.EXPLANATIONS["none"])
        resolved.withheld_tools -= {"borrow"}


def _check(events: "RunEvents") -> Iterator[str]:
    tasks = {(entry.stream, entry.round) for entry in events.entries_of(TaskAssigned)}
    if events.structure["coordination"] in ("peers", "specialists"):
        yield from (f"{name} was assigned a task in round {round}" for name, round in sorted(tasks))
        yield from _misplaced_work(events)
        return
    worked = {(entry.stream, entry.round) for entry in events.entries_of(ModelCall) if entry.event.role == "researcher"}
    yield from (f"{name} was assigned no task in round {round}" for name, round in sorted(worked - tasks))
    places = list(events.authors_by_place(0))
    groups = groups_by_lead(events.structure["leads"], events.structure["topology_parameters"], places)
    yield from group_violations(events, groups)
    if events.structure["coordination"] == "lead":
        yield from _unassigned_findings(events)


def _misplaced_work(events: "RunEvents") -> Iterator[str]:
    """Yield the hand-offs in a team of peers; in a team of specialists, work of another specialty, and early runs."""
    if events.structure["coordination"] == "peers":
        yield from (f"{name} handed off {f.id}" for name, f in events.of(Finding) if f.is_handoff)
        return
    places = list(events.authors_by_place(0))
    for name, execution in events.of(ToolExecution):
        if name in events.places and execution.ok and execution.tool in withheld_of(events.places[name], places):
            yield f"{name} called {execution.tool}, which is not part of its specialty"
    if len(places) > 1:
        runnable = events.posted_codes()
        early = [e.id for _, e in events.of(Experiment) if e.code not in runnable]
        yield from (f"{experiment} ran a method that was not handed off" for experiment in early)


def _unassigned_findings(events: "RunEvents") -> Iterator[str]:
    """Yield the uses of other researchers' findings that no task named."""
    used = [(name, event.finding) for name, event in events.of(Borrowed)]
    used += [(name, event.target) for name, event in events.of(Edge)]
    for name, finding in dict.fromkeys(used):
        author = finding.split(".")[0]
        if name in events.setups and author not in (name, LAB) and finding not in events.assigned_findings(name):
            yield f"{name} used {finding}, which no task of it names"


DIAL = Dial(
    name="coordination",
    claim="a lead contains errors and adds overhead: it helps where work can be divided, and hurts where it is "
    "sequential (Kim et al. 2025)",
    values={
        "peers": "each researcher decides what to work on",
        "hybrid": "a lead assigns each researcher a task every round, and researchers see each other's findings",
        "lead": "a lead assigns the tasks; researchers see their own findings and those that their tasks name",
        "specialists": "idea, method and analysis specialists; a method is run after it was handed off",
    },
    apply=_apply,
    check=_check,
)
