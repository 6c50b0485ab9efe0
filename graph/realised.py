"""Was the structure that was asked for the one that was there? Read from what happened, never from the prompts."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any

from aarlab.graph.dials.directions import DIRECTIONS
from aarlab.graph.structure import Structure
from aarlab.memory.events import (
    Assignment,
    Borrowed,
    Brief,
    Decision,
    Edge,
    Evaluation,
    Event,
    Experiment,
    Finding,
    Oversight,
    Plan,
    Published,
    RoundBegan,
    Ruling,
)
from aarlab.memory.runfile import RunFile
from aarlab.scenarios import toolkit
from aarlab.scenarios.toolkit.anatomy import operators_in

FEWEST_FINDINGS = 3
"""Methods posted below which nothing is said about whether a direction was followed."""
_FAMILIES = {entry["name"]: entry["family"] for entry in toolkit.catalogue()}


class Record:
    """The events of a run, kind by kind; of a run that was forked to another structure, those since then."""

    def __init__(self, file: RunFile) -> None:
        """Read the file once."""
        self._file = file
        info = file.info()
        self.scenario = info.scenario
        others = [leg["until_round"] for leg in info.past if leg["scenario"]["structure"] != info.scenario["structure"]]
        since = max(others, default=-1) + 1
        self.structure = Structure.model_validate(self.scenario["structure"])
        self.assigned = self.structure.directions == "pool" or self.structure.selection == "evolutionary"
        self._events: dict[type[Event], list[tuple[str, Any]]] = defaultdict(list)
        for entry in file.entries():
            # What everybody was told at the start holds until they are told otherwise.
            if entry.round < since and not isinstance(entry.event, Brief | Plan):
                continue
            self._events[type(entry.event)].append((entry.stream, entry.event))

    def of(self, kind: type[Event]) -> list[tuple[str, Any]]:
        """Return (stream, event) of one kind, in order. Typed loosely: who asks for a kind knows its fields."""
        return self._events[kind]

    def families(self, code: str) -> set[str]:
        """Return the families of the operators that a method uses, given the hash of its code."""
        return {_FAMILIES[name] for name in operators_in(self._file.text(code))}


def breaches(file: RunFile) -> list[str]:
    """Return where what happened is not what was configured, each as a sentence; empty if the structure was kept."""
    record = Record(file)
    return [f"{dial}: {breach}" for dial, check in CHECKS.items() for breach in check(record)]


def _workflow(record: Record) -> Iterator[str]:
    team = dict(record.of(Brief))
    steps = {d.taken_by for name, d in record.of(Decision) if d.decision == "next_step" and name in team}
    staged = record.structure.workflow == "staged"
    if steps - {"structure" if staged else "agent"}:
        yield f"next steps were taken by {', '.join(sorted(steps))}"


def _directions(record: Record) -> Iterator[str]:
    briefs = dict(record.of(Brief))
    if record.structure.directions != "distinct":
        yield from (f"{name} was given a direction" for name, brief in briefs.items() if brief.direction is not None)
        return
    planned = {plan.text: set(plan.families) for _, plan in record.of(Plan)}
    for name, brief in briefs.items():
        if brief.direction is None:
            yield f"{name} was given no direction"
            continue
        families = planned.get(brief.direction) or DIRECTIONS.get(brief.direction, frozenset())
        if record.assigned:
            continue  # What it tried was not its own choice.
        codes = [f.code for _, f in _own(record, name) if f.code is not None]
        used = {family for code in codes for family in record.families(code)}
        if families and len(codes) >= FEWEST_FINDINGS and not families & used:
            yield f"{name} did not follow its direction: none of its {len(codes)} methods uses {_any(families)}"


def _selection(record: Record) -> Iterator[str]:
    given = [(name, a) for name, a in record.of(Assignment)]
    if record.assigned and not given:
        yield "ideas were to be assigned, and none was"
    if not record.assigned:
        yield from ("ideas were assigned that were to be chosen freely",) if given else ()
        return
    built = defaultdict(set)
    for _, edge in record.of(Edge):
        built[edge.source].add(edge.target)
    wanted = {(name, a.parent) for name, a in given if a.parent is not None}
    for name in dict.fromkeys(name for name, _ in wanted):
        parents = {target for f, _ in _own(record, name) for target in built[f]}
        ignored = {parent for who, parent in wanted if who == name} - parents
        # The last assignment may still be open when the time is up.
        if len(ignored) > 1:
            yield f"{name} did not build on {len(ignored)} of the parents it was given"


def _sharing(record: Record) -> Iterator[str]:
    published = {event.finding for _, event in record.of(Published)}
    if record.structure.sharing == "none":
        if published or record.of(Borrowed):
            yield "findings reached others where nothing was to be shared"
    elif record.structure.oversight != "gate":
        hidden = [f.id for _, f in record.of(Finding) if f.id not in published]
        if hidden:
            yield f"{len(hidden)} findings were never shared, {hidden[0]} among them"


def _topology(record: Record) -> Iterator[str]:
    hears = {name: brief.hears for name, brief in record.of(Brief)}
    taken = [(name, borrowed.finding) for name, borrowed in record.of(Borrowed)]
    taken += [(name, edge.target) for name, edge in record.of(Edge) if name in hears]
    for name, finding in taken:
        author, heard = finding.split(".")[0], hears[name]
        if heard is not None and author != name and author not in heard:
            yield f"{name} used {finding}, which does not reach it"


def _review(record: Record) -> Iterator[str]:
    rulings, gated = record.of(Ruling), record.structure.review == "gate"
    if rulings and not gated:
        yield "the reviewer ruled on full runs where it was to rule on nothing"
    full = [(name, e) for name, e in record.of(Experiment) if e.fidelity == "full"]
    if gated and full and not rulings:
        yield "the gate never gated"
    approved = {(name, ruling.code) for name, ruling in rulings if ruling.approved}
    slipped = [e.id for name, e in full if gated and (name, e.code) not in approved]
    yield from (f"{experiment} ran in full without approval" for experiment in slipped)


def _oversight(record: Record) -> Iterator[str]:
    asked, value = len(record.of(Oversight)), record.structure.oversight
    rounds = len(record.of(RoundBegan))
    if value == "none" and asked:
        yield "an overseer was asked where there was to be none"
    if value == "checkpoint" and asked < (rounds - 1) // record.structure.checkpoint_rounds:
        yield f"there were {asked} checkpoints in {rounds} rounds"
    if value == "gate" and record.of(Finding) and not asked:
        yield "nobody was asked what may be shared"


def _evaluation(record: Record) -> Iterator[str]:
    ledger = [(name, e) for name, e in record.of(Evaluation) if e.panel == "development" and e.pgr is not None]
    if record.structure.evaluation == "open" and any(e.worlds != 1 for _, e in ledger):
        yield "an experiment was scored on more than the one open world"
    if record.structure.evaluation == "capped":
        cap = record.scenario["scoring"]["cap"]
        counts: dict[str, int] = defaultdict(int)
        for name, experiment in record.of(Experiment):
            counts[name] += experiment.fidelity == "full" and experiment.pgr is not None
        yield from (f"{name} had {count} full experiments scored" for name, count in counts.items() if count > cap)


def _own(record: Record, name: str) -> list[tuple[str, Any]]:
    return [(finding.id, finding) for author, finding in record.of(Finding) if author == name]


def _any(families: Set[str]) -> str:
    return " or ".join(sorted(families))


CHECKS: Mapping[str, Callable[[Record], Iterator[str]]] = {
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
