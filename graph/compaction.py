"""Conversations that become too long for a base model: it sums the beginning up itself, which is then left out.

Nothing is left out silently: the call that sums up is paid for and recorded as any other, and a `Compaction` says what
was left out and what stands in its place. When it happens hangs on what is on record (the tokens of the last answer, or
that the provider refused a request), so that a run that happens again does the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aarlab.agents.models.base import Reply, Request, TooLong
from aarlab.agents.researcher import compact, compacted
from aarlab.graph.asking import Line, ask
from aarlab.memory.events import Compaction, Told
from aarlab.memory.messages import Conversation, Message, ToolSpec, canonical, user

if TYPE_CHECKING:
    from aarlab.graph.lab import Desk

_KEPT = 0.25
"""How much of what was said is kept as it is, as a share of its bytes; so much less is read to sum up the rest."""
_WORTH = 0.25
"""Least share of a conversation, system prompt included, that `compact_at` takes out; less is not worth a summary."""


@dataclass(slots=True)
class Window:
    """How much of its conversation a base model has to keep in mind, and may."""

    compact_at: int | None = None
    """Tokens at which the conversation is compacted; None: only when the provider refuses it."""
    tokens: int = 0
    """Of the last request and its answer, which are part of the next request."""


async def within_window(desk: "Desk", tools: tuple[ToolSpec, ...]) -> Reply:
    """Ask a researcher's base model what to do next; its conversation is compacted before if it has become too long.

    Raises:
        TooLong: It does not fit, and there is nothing to be left out, or that has not helped.
        LimitSpent: There is no room for a call in a budget.
        ModelError: There is no answer to be had.
    """
    if _is_due(desk):
        await _compact(desk, tools, refused=None)
    line = Line.of(desk.bench, "think")
    request = Request(desk.conversation, tools)
    try:
        reply = await ask(desk.model, request, "researcher", line)
    except TooLong:
        if left_out(desk.conversation.messages) == 0:
            raise
        await _compact(desk, tools, refused=request.hash)
        reply = await ask(desk.model, Request(desk.conversation, tools), "researcher", line)
    desk.window.tokens = reply.usage.tokens
    return reply


def left_out(messages: Sequence[Message]) -> int:
    """Return how many messages, from the first on, can be left out of a conversation; 0 if it cannot be compacted.

    What is kept begins with an answer of the model, so that no use of a tool is parted from its result. It is the last
    turn, with as many before it as it takes to come to a quarter of the bytes, if they do.
    """
    sizes = [_bytes(message) for message in messages]
    wanted = _KEPT * sum(sizes)
    # Before the first of them nothing has been said that could be summed up.
    turns = [place for place, message in enumerate(messages) if message.speaker == "assistant"][1:]
    enough = [place for place in turns if sum(sizes[place:]) >= wanted]
    return enough[-1] if enough else next(iter(turns), 0)


def _is_due(desk: "Desk") -> bool:
    window, conversation = desk.window, desk.conversation
    if window.compact_at is None or window.tokens < window.compact_at:
        return False
    sizes = [_bytes(message) for message in conversation.messages]
    out = sum(sizes[: left_out(conversation.messages)])
    return out >= _WORTH * (sum(sizes) + len(conversation.system.encode()))


async def _compact(desk: "Desk", tools: tuple[ToolSpec, ...], *, refused: str | None) -> None:
    """Have the beginning of a conversation summed up, and put the summary in its place."""
    before, file = desk.conversation, desk.bench.file
    out = left_out(before.messages)
    old, kept = before.messages[:out], before.messages[out:]
    # What was said up to there, word for word, has been read before: providers keep it in their caches.
    question = user(compact())
    request = Request(Conversation.begin(before.system).then(*old, question), tools)
    desk.bench.record(Told("summariser", file.store_message(question)))
    reply = await ask(desk.model, request, "summariser", Line.of(desk.bench, None))
    text = reply.message.text.strip()
    summary = user(compacted(out, text))
    told = file.store_message(summary)
    desk.bench.record(Compaction(out, len(kept), desk.window.tokens, refused, told, text))
    desk.conversation = Conversation.begin(before.system).then(summary, *kept)
    desk.window.tokens = 0


def _bytes(message: Message) -> int:
    return len(canonical(message.to_json()).encode())
