"""Actions of a simulated researcher on the board: read findings, search for findings, critique one."""

from collections.abc import Iterator

from aarlab.agents.models.simulated.action import Action, ProposedCall
from aarlab.agents.models.simulated.heuristics import UNRELIABLE_SE, log_symptom
from aarlab.agents.models.simulated.recipe import title
from aarlab.agents.models.simulated.state import KnownFinding, ParsedState, TrackedIdea

MAX_READ_AT_ONCE = 10
"""Maximum number of findings in one call of read_findings."""


def read(findings: list[str]) -> Action:
    """Return an action that reads findings."""
    return Action("Let me see what is known.", (("read_findings", {"findings": list(findings)}),))


def search_findings(state: ParsedState) -> Iterator[Action]:
    """Yield search actions, once a round: ask the librarian, search for words, search for a pattern."""
    if state.searches_this_round:
        return
    best = max((idea for idea in state.ideas if idea.best_outcome), key=_score, default=None)
    about = title(best.recipe) if best else state.prompt.direction
    # Alternate between the best findings and those related to its own work.
    question = "What works best so far?" if state.round % 2 or not about else f"What is known about this: {about}"
    if state.can_afford("ask"):
        yield Action("The librarian may know.", (("ask_librarian", {"question": question}),))
    if state.can_afford("read"):
        search_text = "result PGR full run" if state.round % 2 or not about else about
        yield Action("Let me search.", (("search_board", {"query": search_text, "limit": 2 * MAX_READ_AT_ONCE}),))
    if best and state.unread and state.can_afford("read"):
        # Findings that use the last operator of its best recipe.
        pattern = best.recipe[-1].operator if best.recipe else "PGR"
        yield Action("Who else used this?", (("grep_board", {"pattern": pattern, "limit": 2 * MAX_READ_AT_ONCE}),))


def _score(idea: TrackedIdea) -> float:
    known = idea.best_outcome
    return known.pgr if known is not None and known.pgr is not None else float("-inf")


def critique_doubtful(state: ParsedState) -> Iterator[Action]:
    """Yield a critique of the first doubtful finding."""
    if state.critiqued_this_round or not state.can_afford("share"):
        return
    for known in state.known.values():
        if known.id not in state.critiqued and not known.critiques and (problem := _problem_with(known, state)):
            call: ProposedCall = ("critique", {"finding": known.id, "text": problem})
            yield Action(f"I doubt {known.id}.", (call,))
            return


def _problem_with(known: KnownFinding, state: ParsedState) -> str | None:
    """Return the problem with a finding: a contradicting result, a large standard error or a suspicious log."""
    if known.pgr is None or known.se is None:
        return None
    for idea in state.ideas:
        own = idea.outcome("full")
        if own is None or own.pgr is None or own.se is None or idea.recipe != known.recipe:
            continue
        if abs(own.pgr - known.pgr) > 2 * (own.se**2 + known.se**2) ** 0.5:
            contradiction = f"My full run of the same recipe ({own.id}) scored {own.pgr:.2f} ± {own.se:.2f}"
            return f"{contradiction}, not {known.pgr:.2f}. The difference is more than two standard errors."
    if known.se >= UNRELIABLE_SE:
        return f"The standard error of {known.se:.2f} is too large. Replicate the result first."
    if symptom := log_symptom(known.log):
        return f"The log shows that {symptom[1]}. Try {symptom[2]}."
    return None
