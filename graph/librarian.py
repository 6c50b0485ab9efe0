"""The librarian's part: a question of a researcher, answered from the findings that reach it."""

from collections.abc import Awaitable, Callable

from aarlab.agents import librarian
from aarlab.agents.models.base import Model
from aarlab.graph.lab import Desk, calls_of
from aarlab.memory.events import Told
from aarlab.tools.board import listed


def librarian_of(desk: Desk, model: Model) -> Callable[[str], Awaitable[tuple[str, list[str]]]]:
    """Return how a researcher's questions are answered: the words, and the findings that are meant."""
    bench = desk.bench

    async def ask(question: str) -> tuple[str, list[str]]:
        seen = bench.board.posts(seen_by=bench.agent)
        request = librarian.ask(question, [{**listed(post), "body": post.finding.body} for post in seen])
        reply = await model.reply(request)
        bench.record(Told("librarian", bench.file.store_message(request.conversation.messages[0])))
        # The researcher's hours are charged by the tool; the librarian has no clock of its own.
        for event in calls_of("librarian", request, reply, bench.file, cost_hours=0.0):
            bench.record(event)
        return librarian.answer(reply)

    return ask
