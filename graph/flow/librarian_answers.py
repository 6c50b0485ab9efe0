"""The librarian: answers a researcher's question from the findings that the researcher can see."""

from collections.abc import Awaitable, Callable

from aarlab.agents import librarian
from aarlab.agents.team_goal import TeamGoal
from aarlab.graph.calls.call import CallContext, ask
from aarlab.graph.calls.model_pool import AgentModel
from aarlab.memory.events import Prompted
from aarlab.tools.board_tools import listing_entry
from aarlab.tools.session import AgentSession


def make_librarian(
    session: AgentSession, model: AgentModel, goal: TeamGoal
) -> Callable[[str], Awaitable[tuple[str, list[str]]]]:
    """Return a function from a researcher's question to an answer and the ids of the findings it refers to."""

    async def answer(question: str) -> tuple[str, list[str]]:
        visible = session.board.posts(visible_to=session.agent)
        findings = [{**listing_entry(post), "body": post.finding.body} for post in visible]
        request = librarian.question_request(question, findings, goal)
        session.record(Prompted("librarian", session.file.store_message(request.conversation.messages[0])))
        # The tool charges the researcher's hours; the call itself costs no research hours.
        return librarian.parse_answer(await ask(model, request, "librarian", CallContext.for_session(session, None)))

    return answer
