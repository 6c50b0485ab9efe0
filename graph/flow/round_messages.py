"""The messages that start a round for one researcher: its hours, notes of people, and what is new on the board.

Up to `MAX_NEW_FINDINGS` new findings are listed in the researcher's own message, without its own findings. More than
that are listed once for all researchers that see the same findings: one message, which the run file has once.
"""

from aarlab.agents.researcher import new_findings_message, round_message
from aarlab.graph.flow.context import RunContext
from aarlab.graph.flow.oversight_nodes import notes_for
from aarlab.memory.board import Post
from aarlab.memory.messages import Message, user_message
from aarlab.tools.board_tools import listing_json, senior_first
from aarlab.tools.session import AgentSession

MAX_NEW_FINDINGS = 100
"""Maximum number of new findings in a listing. A team of thirty posts fewer than that in a round of two hours."""


def round_messages(run: RunContext, session: AgentSession) -> list[Message]:
    """Return the messages that start the round for one researcher."""
    rounds = {session.round - 1} if run.resolved.new_findings else set()
    shared = _shared_listing(run, session) if rounds else None
    if shared is not None:
        rounds.clear()
    if session.round == session.first_round and run.resolved.opening != "none":
        # The opening is listed even if findings are not: it is prior knowledge.
        rounds.add(0)
    visible = [post for round in sorted(rounds) for post in run.board.of_round(round, visible_to=session.agent)]
    others = [post for post in visible if post.finding.author != session.agent]
    own = run.board.published_by(session.agent, session.round - 1) if shared is not None else None
    message = round_message(
        round=session.round,
        rounds=run.rounds,
        used=session.hours,
        hours=session.budget_hours,
        until=run.slice_end(session.round),
        new_findings=listing_json(senior_first(others)) if rounds else None,
        note=notes_for(run, session.agent, session.round),
        own_in_next=own,
    )
    return [user_message(message), *([shared] if shared is not None else [])]


def _shared_listing(run: RunContext, session: AgentSession) -> Message | None:
    """Return the message with the new findings that several researchers get; None if there are few new findings."""
    view, round = run.board.shared_view(session.agent), session.round - 1
    if round == 0 or view.count_of_round(round) <= MAX_NEW_FINDINGS:
        return None
    if (round, view) not in run.new_findings_messages:
        posts = view.of_round(round)
        listed = sorted(sorted(posts, key=_listed_first)[:MAX_NEW_FINDINGS], key=lambda post: post.position)
        text = new_findings_message(listing_json(senior_first(listed)), len(posts) - len(listed))
        run.new_findings_messages = {
            key: message for key, message in run.new_findings_messages.items() if key[0] == round
        } | {(round, view): user_message(text)}
    return run.new_findings_messages[round, view]


def _listed_first(post: Post) -> tuple[bool, float]:
    """Return the sort key of what is listed: the findings of the senior, then the best scores."""
    return not post.by_senior, -(post.finding.pgr if post.finding.pgr is not None else float("-inf"))
