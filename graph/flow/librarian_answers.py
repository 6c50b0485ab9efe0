"""The librarian: answers a researcher's question from the findings that the researcher can see.

A request has all of them, or the most relevant ones if there are many: its length must not grow with the board.
"""

from collections.abc import Awaitable, Callable
from itertools import islice

from aarlab.agents import librarian
from aarlab.agents.team_goal import TeamGoal
from aarlab.graph.calls.call import CallContext, ask_role
from aarlab.graph.calls.model_pool import AgentModel
from aarlab.memory.board import Board
from aarlab.memory.board_view import Post
from aarlab.tools.board_tools import listing_entry, senior_first
from aarlab.tools.session import AgentSession

MAX_FINDINGS_SENT = 100
"""Maximum number of findings in a request; a round message lists as many new ones."""


def make_librarian(
    session: AgentSession, model: AgentModel, goal: TeamGoal
) -> Callable[[str], Awaitable[tuple[str, list[str]]]]:
    """Return a function from a researcher's question to an answer and the ids of the findings it refers to."""

    async def answer(question: str) -> tuple[str, list[str]]:
        posts = senior_first(posts_for_question(session.board, session.agent, question))
        findings = [{**listing_entry(post), "body": post.finding.body} for post in posts]
        request = librarian.question_request(question, findings, goal)
        # The tool charges the researcher's hours; the call itself costs no research hours.
        context = CallContext.for_session(session, None)
        return librarian.parse_answer(await ask_role(model, request, "librarian", context))

    return answer


def posts_for_question(board: Board, reader: str, question: str) -> list[Post]:
    """Return the posts that a researcher sees, in the order of the board, at most MAX_FINDINGS_SENT.

    Half of them are those that share words with the question, and the others those with the best scores.
    """
    if board.count(visible_to=reader) <= MAX_FINDINGS_SENT:
        return board.posts(visible_to=reader)
    found = board.search(question, visible_to=reader, limit=MAX_FINDINGS_SENT // 2)
    chosen = {post.finding.id: post for post in found}
    others = (post for post in board.senior_first(visible_to=reader, order="best") if post.finding.id not in chosen)
    chosen |= {post.finding.id: post for post in list(islice(others, MAX_FINDINGS_SENT - len(chosen)))}
    return sorted(chosen.values(), key=lambda post: post.position)
