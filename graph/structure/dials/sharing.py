"""Sharing: do researchers see what the others found, and do they browse it, ask for it, or search it?"""

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure

_EXPLAINED = {
    "none": "You work alone: nobody reads your findings before the close, and you cannot read theirs.",
    "synced": "All findings that reach you are synced into your lab between rounds: each round opens with what is new, "
    "and you can browse the board, search its text, read a finding with its method, borrow it and critique it.",
    "query": "Findings are kept by a librarian. Ask it in words for what others have found; it answers with the "
    "findings that it thinks you mean, which you can borrow and critique.",
    "keyword": "Findings can be searched by keywords; what a search finds can be read, borrowed and critiqued.",
}
_TEAM_TOOLS = {"read_board", "read_findings", "borrow", "critique", "grep_board", "ask_librarian", "search_board"}
"""Tools by which findings of others can be reached."""
_OFFERED = {
    "none": {"read_board", "read_findings"},  # they show its own findings
    "synced": {"read_board", "read_findings", "grep_board", "borrow", "critique"},
    "query": {"ask_librarian", "borrow", "critique"},
    "keyword": {"search_board", "read_findings", "borrow", "critique"},
}


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value != "none":
        resolved.team_nodes.append("publish")
    resolved.new_findings = value == "synced"
    resolved.withheld_tools |= _TEAM_TOOLS - _OFFERED[value]
    resolved.explanations.append(_EXPLAINED[value])


DIAL = Dial(
    name="sharing",
    claim="findings synced to everybody help most: they surface what nobody would have searched for",
    values={
        "none": "each researcher sees its own findings only",
        "synced": "all findings are put before everybody between rounds, to be browsed",
        "query": "a librarian agent is asked in words",
        "keyword": "findings are found by searching for words",
    },
    apply=_apply,
)
