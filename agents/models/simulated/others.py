"""What a simulated researcher does about others: reads what they found, looks for more, says what it doubts."""

from collections.abc import Iterator

from aarlab.agents.models.simulated.glance import symptom_of
from aarlab.agents.models.simulated.move import Call, Move
from aarlab.agents.models.simulated.notes import Idea, Known, Notes
from aarlab.agents.models.simulated.recipe import title

AT_ONCE = 10
"""How many findings can be read at once."""
LOOSE = 0.1
"""Standard error from which on it does not take a score for a result."""


def read_on(notes: Notes, most: int) -> Move | None:
    """Return reading the best findings that it has not read yet, as long as it has not read `most` in this round."""
    wanted = list(notes.listed)[: min(most - notes.read_this_round, AT_ONCE)]
    if not wanted or not notes.can_afford("read"):
        return None
    return Move("Let me see what the others found.", (("read_findings", {"findings": wanted}),))


def look_for(notes: Notes) -> Iterator[Move]:
    """Yield the ways to look for findings once a round: by question, by words or by pattern, whichever is offered."""
    if notes.asked_this_round:
        return
    best = max((idea for idea in notes.ideas if idea.best_known), key=_score, default=None)
    about = title(best.recipe) if best else notes.brief.direction
    # In turn what is best of all, and what has to do with its own work.
    question = "What works best so far?" if notes.round % 2 or not about else f"What is known about this: {about}"
    if notes.can_afford("ask"):
        yield Move("The librarian may know.", (("ask_librarian", {"question": question}),))
    if notes.can_afford("read"):
        words = "result PGR full run" if notes.round % 2 or not about else about
        yield Move("Let me search.", (("search_board", {"query": words, "limit": 2 * AT_ONCE}),))
    if best and notes.listed and notes.can_afford("read"):
        # What others did with the step that its own best ends in.
        pattern = best.recipe[-1].operator if best.recipe else "PGR"
        yield Move("Who else used this?", (("grep_board", {"pattern": pattern, "limit": 2 * AT_ONCE}),))


def _score(idea: Idea) -> float:
    known = idea.best_known
    return known.pgr if known is not None and known.pgr is not None else float("-inf")


def doubts(notes: Notes) -> Iterator[Move]:
    """Yield criticising the first finding that does not hold."""
    if notes.critiqued_this_round or not notes.can_afford("share"):
        return
    for known in notes.known.values():
        if known.id not in notes.critiqued and not known.critiques and (fault := _fault(known, notes)):
            call: Call = ("critique", {"finding": known.id, "text": fault})
            yield Move(f"I doubt {known.id}.", (call,))
            return


def _fault(known: Known, notes: Notes) -> str | None:
    """Say what is wrong with a finding, judged by own results with the same recipe, its noise and its log."""
    if known.pgr is None or known.se is None:
        return None
    for idea in notes.ideas:
        own = idea.outcomes.get("full")
        if own is None or own.pgr is None or own.se is None or idea.recipe != known.recipe:
            continue
        if abs(own.pgr - known.pgr) > 2 * (own.se**2 + known.se**2) ** 0.5:
            mine = f"The same recipe gave me {own.pgr:.2f} ± {own.se:.2f} in full ({own.id})"
            return f"{mine}, not {known.pgr:.2f}: more than two standard errors apart."
    if known.se >= LOOSE:
        return f"With a standard error of {known.se:.2f} this is hardly a result yet; replicate it first."
    if symptom := symptom_of(known.log):
        return f"The log shows that {symptom[1]}; what would {symptom[2]} do for it?"
    return None
