"""Selection: the researcher chooses what to try next, or an evolutionary search on the scores does."""

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure
from aarlab.memory.events import Edge, WorkAssigned

if TYPE_CHECKING:
    from aarlab.graph.structure.run_events import RunEvents

_EVOLUTIONARY = (
    "An evolutionary search on PGR chooses what is tried next: it assigns you a method with a high score and a change "
    "to make to it. Implement only that change until you have posted a finding with an experiment on it that builds on "
    "the assigned method. You choose the settings and where the change goes."
)


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value == "evolutionary":
        resolved.assigners.append("evolution")
        resolved.explanations.append(_EVOLUTIONARY)


def _check(events: "RunEvents") -> Iterator[str]:
    assignments = list(events.of(WorkAssigned))
    if events.assigns_ideas and not assignments:
        yield "no idea was assigned, although the structure assigns ideas"
    if not events.assigns_ideas:
        yield from ("ideas were assigned, although researchers choose their own",) if assignments else ()
        return
    targets = defaultdict(set)
    for _, edge in events.of(Edge):
        targets[edge.source].add(edge.target)
    parents_of: dict[str, set[str]] = {}
    for name, assignment in assignments:
        if assignment.parent is not None:
            parents_of.setdefault(name, set()).add(assignment.parent)
    for name, assigned in parents_of.items():
        unused = assigned - {target for finding in events.findings_by(name) for target in targets[finding.id]}
        # The last assignment may still be open at the end of the run.
        if len(unused) > 1:
            yield f"{name} did not build on {len(unused)} of its assigned parents"


DIAL = Dial(
    name="selection",
    claim="selection by score alone ignores the information in logs and curves",
    values={
        "self": "the agent chooses what to try next",
        "evolutionary": "parent and mutation are drawn by PGR (MAP-Elites over method families); the agent implements",
    },
    apply=_apply,
    check=_check,
)
