"""The librarian's part: a question of a researcher, answered from the findings that reach it."""

from collections.abc import Awaitable, Callable

from aarlab.agents import librarian
from aarlab.graph.calls.call import CallContext, ask
from aarlab.graph.calls.model_pool import AgentModel
from aarlab.graph.flow.context import AgentSession
from aarlab.memory.events import Prompted
from aarlab.tools.board_tools import listing_entry


def make_librarian(session: AgentSession, model: AgentModel) -> Callable[[str], Awaitable[tuple[str, list[str]]]]:
    """Return how a researcher's questions are answered: the words, and the findings that are meant."""
    tool_session = session.tool_session

    async def answer(question: str) -> tuple[str, list[str]]:
        seen = tool_session.board.posts(visible_to=tool_session.agent)
        request = librarian.question_request(question, [{**listing_entry(post), "body": post.finding.body} for post in seen])
        tool_session.record(Prompted("librarian", tool_session.file.store_message(request.conversation.messages[0])))
        # The researcher's hours are charged by the tool; the librarian has no clock of its own.
        return librarian.parse_answer(await ask(model, request, "librarian", CallContext.of(tool_session, None)))

    return answer
