"""Was the structure that was asked for the one that was there? Read from what happened, never from the prompts."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any

from aarlab.graph.structure.dials.directions import DIRECTIONS
from aarlab.graph.structure.structure import Structure
from aarlab.memory.events import (
    AgentSetup,
    Borrowed,
    Decision,
    Edge,
    Evaluation,
    Event,
    Experiment,
    Finding,
    OversightDecision,
    PlanItem,
    Published,
    ReviewDecision,
    RoundStarted,
    WorkAssigned,
)
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios import toolkit
from aarlab.scenarios.toolkit.method_analysis import operators_in

MIN_FINDINGS = 3
"""Methods posted below which nothing is said about whether a direction was followed."""
_OPERATOR_FAMILIES = {entry["name"]: entry["family"] for entry in toolkit.catalogue()}


class RunEvents:
    """The events of a run, kind by kind; of a run that was forked to another structure, those since then."""

    def __init__(self, file: RunReader) -> None:
        """Read the file once."""
        self._file = file
        info = file.info()
        self.scenario = info.scenario
        past_rounds = [
            segment["until_round"]
            for segment in info.fork_history
            if segment["scenario"]["structure"] != info.scenario["structure"]
        ]
        first_round = max(past_rounds, default=-1) + 1
        self.structure = Structure.model_validate(self.scenario["structure"])
        self.assigned = self.structure.directions == "pool" or self.structure.selection == "evolutionary"
        self._events: dict[type[Event], list[tuple[str, Any]]] = defaultdict(list)
        for entry in file.entries():
            # What everybody was told at the start holds until they are told otherwise.
            if entry.round < first_round and not isinstance(entry.event, AgentSetup | PlanItem):
                continue
            self._events[type(entry.event)].append((entry.stream, entry.event))

    def of(self, kind: type[Event]) -> list[tuple[str, Any]]:
        """Return (stream, event) of one kind, in order. Typed loosely: who asks for a kind knows its fields."""
        return self._events[kind]

    def families(self, code: str) -> set[str]:
        """Return the families of the operators that a method uses, given the hash of its code."""
        return {_OPERATOR_FAMILIES[name] for name in operators_in(self._file.text(code))}


def violations(file: RunReader) -> list[str]:
    """Return where what happened is not what was configured, each as a sentence; empty if the structure was kept."""
    run_events = RunEvents(file)
    return [f"{dial}: {violation}" for dial, check in CHECKS.items() for violation in check(run_events)]


def _workflow(run_events: RunEvents) -> Iterator[str]:
    team = dict(run_events.of(AgentSetup))
    steps = {d.taken_by for name, d in run_events.of(Decision) if d.decision == "next_step" and name in team}
    staged = run_events.structure.workflow == "staged"
    if steps - {"structure" if staged else "agent"}:
        yield f"next steps were taken by {', '.join(sorted(steps))}"


def _directions(run_events: RunEvents) -> Iterator[str]:
    briefs = dict(run_events.of(AgentSetup))
    if run_events.structure.directions != "distinct":
        yield from (f"{name} was given a direction" for name, brief in briefs.items() if brief.direction is not None)
        return
    planned = {plan.text: set(plan.families) for _, plan in run_events.of(PlanItem)}
    for name, brief in briefs.items():
        if brief.direction is None:
            yield f"{name} was given no direction"
            continue
        families = planned.get(brief.direction) or DIRECTIONS.get(brief.direction, frozenset())
        if run_events.assigned:
            continue  # What it tried was not its own choice.
        codes = [f.code for _, f in _findings_by(run_events, name) if f.code is not None]
        used = {family for code in codes for family in run_events.families(code)}
        if families and len(codes) >= MIN_FINDINGS and not families & used:
            yield f"{name} did not follow its direction: none of its {len(codes)} methods uses {_join_or(families)}"


def _selection(run_events: RunEvents) -> Iterator[str]:
    given = [(name, a) for name, a in run_events.of(WorkAssigned)]
    if run_events.assigned and not given:
        yield "ideas were to be assigned, and none was"
    if not run_events.assigned:
        yield from ("ideas were assigned that were to be chosen freely",) if given else ()
        return
    built = defaultdict(set)
    for _, edge in run_events.of(Edge):
        built[edge.source].add(edge.target)
    wanted = {(name, a.parent) for name, a in given if a.parent is not None}
    for name in dict.fromkeys(name for name, _ in wanted):
        parents = {target for f, _ in _findings_by(run_events, name) for target in built[f]}
        ignored = {parent for who, parent in wanted if who == name} - parents
        # The last assignment may still be open when the time is up.
        if len(ignored) > 1:
            yield f"{name} did not build on {len(ignored)} of the parents it was given"


def _sharing(run_events: RunEvents) -> Iterator[str]:
    published = {event.finding for _, event in run_events.of(Published)}
    if run_events.structure.sharing == "none":
        if published or run_events.of(Borrowed):
            yield "findings reached others where nothing was to be shared"
    elif run_events.structure.oversight != "gate":
        hidden = [f.id for _, f in run_events.of(Finding) if f.id not in published]
        if hidden:
            yield f"{len(hidden)} findings were never shared, {hidden[0]} among them"


def _topology(run_events: RunEvents) -> Iterator[str]:
    neighbours = {name: brief.neighbours for name, brief in run_events.of(AgentSetup)}
    taken = [(name, borrowed.finding) for name, borrowed in run_events.of(Borrowed)]
    taken += [(name, edge.target) for name, edge in run_events.of(Edge) if name in neighbours]
    for name, finding in taken:
        author, reachable = finding.split(".")[0], neighbours[name]
        if reachable is not None and author != name and author not in reachable:
            yield f"{name} used {finding}, which does not reach it"


def _review(run_events: RunEvents) -> Iterator[str]:
    rulings, gated = run_events.of(ReviewDecision), run_events.structure.review == "gate"
    if rulings and not gated:
        yield "the reviewer ruled on full runs where it was to rule on nothing"
    full = [(name, e) for name, e in run_events.of(Experiment) if e.fidelity == "full"]
    if gated and full and not rulings:
        yield "the gate never gated"
    approved = {(name, ruling.code) for name, ruling in rulings if ruling.approved}
    unapproved = [e.id for name, e in full if gated and (name, e.code) not in approved]
    yield from (f"{experiment} ran in full without approval" for experiment in unapproved)


def _oversight(run_events: RunEvents) -> Iterator[str]:
    asked, value = len(run_events.of(OversightDecision)), run_events.structure.oversight
    rounds = len(run_events.of(RoundStarted))
    if value == "none" and asked:
        yield "an overseer was asked where there was to be none"
    if value == "checkpoint" and asked < (rounds - 1) // run_events.structure.checkpoint_rounds:
        yield f"there were {asked} checkpoints in {rounds} rounds"
    if value == "gate" and run_events.of(Finding) and not asked:
        yield "nobody was asked what may be shared"


def _evaluation(run_events: RunEvents) -> Iterator[str]:
    ledger = [(name, e) for name, e in run_events.of(Evaluation) if e.panel == "development" and e.pgr is not None]
    if run_events.structure.evaluation == "open" and any(e.worlds != 1 for _, e in ledger):
        yield "an experiment was scored on more than the one open world"
    if run_events.structure.evaluation == "capped":
        full_experiment_cap = run_events.scenario["scoring"]["full_experiment_cap"]
        counts: dict[str, int] = defaultdict(int)
        for name, experiment in run_events.of(Experiment):
            counts[name] += experiment.fidelity == "full" and experiment.pgr is not None
        yield from (
            f"{name} had {count} full experiments scored"
            for name, count in counts.items()
            if count > full_experiment_cap
        )


def _findings_by(run_events: RunEvents, name: str) -> list[tuple[str, Any]]:
    return [(finding.id, finding) for author, finding in run_events.of(Finding) if author == name]


def _join_or(families: Set[str]) -> str:
    return " or ".join(sorted(families))


CHECKS: Mapping[str, Callable[[RunEvents], Iterator[str]]] = {
    "workflow": _workflow,
    "directions": _directions,
    "selection": _selection,
    "sharing": _sharing,
    "topology": _topology,
    "review": _review,
    "oversight": _oversight,
    "evaluation": _evaluation,
}
"""By dial."""
