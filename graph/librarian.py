"""The librarian's part: a question of a researcher, answered from the findings that reach it."""

from collections.abc import Awaitable, Callable

from aarlab.agents import librarian
from aarlab.graph.asking import Line, ask
from aarlab.graph.lab import Desk
from aarlab.graph.payroll import Hired
from aarlab.memory.events import Told
from aarlab.tools.board import listed


def librarian_of(desk: Desk, model: Hired) -> Callable[[str], Awaitable[tuple[str, list[str]]]]:
    """Return how a researcher's questions are answered: the words, and the findings that are meant."""
    bench = desk.bench

    async def answered(question: str) -> tuple[str, list[str]]:
        seen = bench.board.posts(seen_by=bench.agent)
        request = librarian.ask(question, [{**listed(post), "body": post.finding.body} for post in seen])
        bench.record(Told("librarian", bench.file.store_message(request.conversation.messages[0])))
        # The researcher's hours are charged by the tool; the librarian has no clock of its own.
        return librarian.answer(await ask(model, request, "librarian", Line.of(bench, None)))

    return answered
