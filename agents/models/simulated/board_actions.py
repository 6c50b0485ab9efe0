"""What a simulated researcher does about others: reads what they found, looks for more, says what it doubts."""

from collections.abc import Iterator

from aarlab.agents.models.simulated.action import Action, ProposedCall
from aarlab.agents.models.simulated.heuristics import log_symptom
from aarlab.agents.models.simulated.recipe import title
from aarlab.agents.models.simulated.state import KnownFinding, ParsedState, TrackedIdea

MAX_READ_AT_ONCE = 10
"""How many findings can be read at once."""
MAX_RELIABLE_SE = 0.1
"""Standard error from which on it does not take a score for a result."""


def read_unread(state: ParsedState, max_reads: int) -> Action | None:
    """Return reading the best findings that it has not read yet, as long as it has not read `max_reads` in this round."""
    wanted = list(state.unread)[: min(max_reads - state.read_this_round, MAX_READ_AT_ONCE)]
    if not wanted or not state.can_afford("read"):
        return None
    return Action("Let me see what the others found.", (("read_findings", {"findings": wanted}),))


def search_findings(state: ParsedState) -> Iterator[Action]:
    """Yield the ways to look for findings once a round: by question, by words or by pattern, whichever is offered."""
    if state.searches_this_round:
        return
    best = max((idea for idea in state.ideas if idea.best_outcome), key=_score, default=None)
    about = title(best.recipe) if best else state.prompt.direction
    # In turn what is best of all, and what has to do with its own work.
    question = "What works best so far?" if state.round % 2 or not about else f"What is known about this: {about}"
    if state.can_afford("ask"):
        yield Action("The librarian may know.", (("ask_librarian", {"question": question}),))
    if state.can_afford("read"):
        search_text = "result PGR full run" if state.round % 2 or not about else about
        yield Action("Let me search.", (("search_board", {"query": search_text, "limit": 2 * MAX_READ_AT_ONCE}),))
    if best and state.unread and state.can_afford("read"):
        # What others did with the step that its own best ends in.
        pattern = best.recipe[-1].operator if best.recipe else "PGR"
        yield Action("Who else used this?", (("grep_board", {"pattern": pattern, "limit": 2 * MAX_READ_AT_ONCE}),))


def _score(idea: TrackedIdea) -> float:
    known = idea.best_outcome
    return known.pgr if known is not None and known.pgr is not None else float("-inf")


def critique_doubtful(state: ParsedState) -> Iterator[Action]:
    """Yield criticising the first finding that does not hold."""
    if state.critiqued_this_round or not state.can_afford("share"):
        return
    for known in state.known.values():
        if known.id not in state.critiqued and not known.critiques and (problem := _problem_with(known, state)):
            call: ProposedCall = ("critique", {"finding": known.id, "text": problem})
            yield Action(f"I doubt {known.id}.", (call,))
            return


def _problem_with(known: KnownFinding, state: ParsedState) -> str | None:
    """Say what is wrong with a finding, judged by own results with the same recipe, its noise and its log."""
    if known.pgr is None or known.se is None:
        return None
    for idea in state.ideas:
        own = idea.outcomes.get("full")
        if own is None or own.pgr is None or own.se is None or idea.recipe != known.recipe:
            continue
        if abs(own.pgr - known.pgr) > 2 * (own.se**2 + known.se**2) ** 0.5:
            mine = f"The same recipe gave me {own.pgr:.2f} ± {own.se:.2f} in full ({own.id})"
            return f"{mine}, not {known.pgr:.2f}: more than two standard errors apart."
    if known.se >= MAX_RELIABLE_SE:
        return f"With a standard error of {known.se:.2f} this is hardly a result yet; replicate it first."
    if symptom := log_symptom(known.log):
        return f"The log shows that {symptom[1]}; what would {symptom[2]} do for it?"
    return None
