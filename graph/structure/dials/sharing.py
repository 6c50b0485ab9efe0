"""Sharing: whether researchers see each other's findings, and whether they browse, query or search them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure
from aarlab.memory.events import LAB, Borrowed, Finding, Flagged, Published

if TYPE_CHECKING:
    from aarlab.graph.structure.run_events import RunEvents

EXPLANATIONS = {
    "none": "You work alone: other researchers cannot read your findings, and you cannot read theirs.",
    "synced": "The findings that reach you are synced between rounds. Each round message lists the new ones, and you "
    "can browse the board, search its text, read a finding with its method, borrow it and critique it.",
    "query": "A librarian keeps the findings. Ask it a question about the findings of others; it answers with the "
    "relevant findings, which you can borrow and critique.",
    "keyword": "You can search the findings by keywords, and read, borrow and critique the results.",
}
_TEAM_TOOLS = {"read_board", "read_findings", "borrow", "critique", "grep_board", "ask_librarian", "search_board"}
"""Tools that can reach the findings of others."""
_TOOLS_BY_VALUE = {
    "none": {"read_board", "read_findings"},  # for the researcher's own findings
    "synced": {"read_board", "read_findings", "grep_board", "borrow", "critique"},
    "query": {"ask_librarian", "borrow", "critique"},
    "keyword": {"search_board", "read_findings", "borrow", "critique"},
}


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value != "none":
        resolved.team_nodes.append("publish")
    resolved.new_findings = value == "synced"
    resolved.withheld_tools |= _TEAM_TOOLS - _TOOLS_BY_VALUE[value]
    resolved.explanations.append(EXPLANATIONS[value])


def _check(events: "RunEvents") -> Iterator[str]:
    published = {event.finding for _, event in events.of(Published)}
    if events.structure["sharing"] == "none":
        # The opening is prior knowledge, not a finding of the team. A lead may name a finding in a task.
        borrowed = {(name, event.finding) for name, event in events.of(Borrowed)}
        unassigned = [f for name, f in borrowed if f not in events.assigned_findings(name) and f.split(".")[0] != LAB]
        if any(stream != LAB for stream, _ in events.of(Published)) or unassigned:
            yield "findings reached other researchers, although sharing is none"
    elif events.structure["oversight"] != "gate":
        flags = [flag for _, flag in events.of(Flagged) if flag.outcome in ("withheld", "disqualified")]
        published |= {key for flag in flags for key in flag.findings}  # deliberately not shared
        unshared = [finding.id for _, finding in events.of(Finding) if finding.id not in published]
        if unshared:
            yield f"{len(unshared)} findings were never shared, for example {unshared[0]}"


DIAL = Dial(
    name="sharing",
    claim="findings synced to all researchers help most, because a search would have missed some of them",
    values={
        "none": "each researcher sees only its own findings",
        "synced": "all findings are shown to all researchers between rounds, and can be browsed",
        "query": "researchers ask a librarian agent for findings",
        "keyword": "researchers search findings by keywords",
    },
    apply=_apply,
    check=_check,
)
