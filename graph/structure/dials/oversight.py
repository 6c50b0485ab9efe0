"""Oversight: whether a person is asked if the work continues, or which findings are shared."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure
from aarlab.memory.events import LAB, Finding, OversightDecision, RoundStarted

if TYPE_CHECKING:
    from aarlab.graph.structure.run_events import RunEvents


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value == "checkpoint":
        resolved.team_nodes.append("oversee")
        resolved.explanations.append(
            "Every few rounds an overseer looks at the board. The overseer may send a note or stop the work."
        )
    elif value == "gate":
        resolved.team_nodes = ["release" if node == "publish" else node for node in resolved.team_nodes]
        resolved.explanations.append("After each round an overseer decides which new findings are shared.")


def _check(events: "RunEvents") -> Iterator[str]:
    value, decisions = events.structure["oversight"], [decision for _, decision in events.of(OversightDecision)]
    n_asked, rounds = len(decisions), sum(1 for _ in events.of(RoundStarted))
    # An overseer that is asked about a flag or a tool call can stop the run.
    if value == "none" and any(decision.action != "stop" for decision in decisions):
        yield "an overseer was asked, although there is none"
    if value == "checkpoint" and n_asked < (rounds - 1) // events.structure["checkpoint_rounds"]:
        yield f"there were {n_asked} checkpoints in {rounds} rounds"
    posted = any(author != LAB for author, _ in events.of(Finding))
    if value == "gate" and posted and not n_asked:
        yield "no overseer was asked which findings may be shared"


DIAL = Dial(
    name="oversight",
    claim="a person who approves findings raises PGR by stopping bad work (no published measurement)",
    values={
        "none": "no person is asked",
        "checkpoint": "a person is asked every structure.checkpoint_rounds rounds whether the work continues",
        "gate": "a person decides after each round which findings the other researchers see",
    },
    apply=_apply,
    check=_check,
)
