"""Review: no reviewer, a reviewer that comments on findings, or a reviewer that must approve full runs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure
from aarlab.memory.events import Experiment, ReviewDecision

if TYPE_CHECKING:
    from aarlab.graph.structure.run_events import RunEvents

_ADVISORY = "A reviewer reads the posted findings and comments on them between rounds."
_GATE = (
    f"{_ADVISORY} The reviewer must also approve every full run before it starts, and sees your method and your "
    "earlier experiments."
)


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value == "none":
        return
    resolved.team_nodes.append("review")
    resolved.gated = value == "gate"
    resolved.explanations.append(_GATE if resolved.gated else _ADVISORY)


def _check(events: "RunEvents") -> Iterator[str]:
    decisions, gated = list(events.of(ReviewDecision)), events.structure["review"] == "gate"
    if decisions and not gated:
        yield "the reviewer decided on full runs, although review is not gate"
    if not gated:
        return
    full = [(name, e.id, e.code) for name, e in events.of(Experiment) if e.fidelity == "full"]
    if full and not decisions:
        yield "no full run was reviewed"
    approved = {(name, decision.code) for name, decision in decisions if decision.approved}
    unapproved = [experiment for name, experiment, code in full if (name, code) not in approved]
    yield from (f"{experiment} ran in full without approval" for experiment in unapproved)


DIAL = Dial(
    name="review",
    claim="a good reviewer raises PGR and a bad one lowers it (no published measurement)",
    values={
        "none": "no reviewer",
        "advisory": "a reviewer comments on findings between rounds",
        "gate": "a reviewer comments, and every full run needs its approval",
    },
    apply=_apply,
    check=_check,
)
