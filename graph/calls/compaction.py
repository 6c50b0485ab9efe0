"""Conversations that become too long for a base model: it sums the beginning up itself, which is then left out.

Nothing is left out silently: the call that sums up is paid for and recorded as any other, and a `Compaction` says what
was left out and what stands in its place. When it happens hangs on what is on record (the tokens of the last answer, or
that the provider refused a request), so that a run that happens again does the same.
"""

from collections.abc import Sequence

from aarlab.agents.models.base import ContextTooLong, Reply, Request
from aarlab.agents.researcher import summary_message, summary_request
from aarlab.graph.calls.call import CallContext, ask
from aarlab.graph.calls.model_pool import AgentModel
from aarlab.memory.events import Compaction, Prompted
from aarlab.memory.messages import Conversation, Message, ToolSpec, canonical_json, user_message
from aarlab.tools.session import AgentSession

_KEEP_SHARE = 0.25
"""How much of what was said is kept as it is, as a share of its bytes; so much less is read to sum up the rest."""
_MIN_DROPPED_SHARE = 0.25
"""Least share of a conversation, system prompt included, that `compact_at` takes out; less is not worth a summary."""


async def call_within_window(session: AgentSession, model: AgentModel, tools: tuple[ToolSpec, ...]) -> Reply:
    """Call a researcher's base model and append its reply to the conversation, which is compacted if it is too long.

    Raises:
        ContextTooLong: It does not fit, and there is nothing to be left out, or that has not helped.
        LimitSpent: There is no room for a call in a budget.
        ModelError: There is no answer to be had.
    """
    if _is_due(session):
        await _compact(session, model, tools, rejected_request=None)
    call_context = CallContext.for_session(session, "think")
    request = Request(session.conversation, tools)
    try:
        reply = await ask(model, request, "researcher", call_context)
    except ContextTooLong:
        if n_droppable(session.conversation.messages) == 0:
            raise
        await _compact(session, model, tools, rejected_request=request.hash)
        reply = await ask(model, Request(session.conversation, tools), "researcher", call_context)
    session.context_tokens = reply.usage.tokens
    session.conversation = session.conversation.then(reply.message)
    return reply


def n_droppable(messages: Sequence[Message]) -> int:
    """Return how many messages, from the first on, can be left out of a conversation; 0 if it cannot be compacted.

    What is kept begins with an answer of the model, so that no use of a tool is parted from its result. It is the last
    turn, with as many before it as it takes to come to a quarter of the bytes, if they do.
    """
    sizes = [_bytes(message) for message in messages]
    wanted = _KEEP_SHARE * sum(sizes)
    # Before the first of them nothing has been said that could be summed up.
    turns = [place for place, message in enumerate(messages) if message.speaker == "assistant"][1:]
    enough = [place for place in turns if sum(sizes[place:]) >= wanted]
    return enough[-1] if enough else next(iter(turns), 0)


def _is_due(session: AgentSession) -> bool:
    conversation = session.conversation
    if session.compact_at is None or session.context_tokens < session.compact_at:
        return False
    sizes = [_bytes(message) for message in conversation.messages]
    dropped = sum(sizes[: n_droppable(conversation.messages)])
    return dropped >= _MIN_DROPPED_SHARE * (sum(sizes) + len(conversation.system.encode()))


async def _compact(
    session: AgentSession, model: AgentModel, tools: tuple[ToolSpec, ...], *, rejected_request: str | None
) -> None:
    """Have the beginning of a conversation summed up, and put the summary in its place."""
    before, file = session.conversation, session.file
    dropped = n_droppable(before.messages)
    old, kept = before.messages[:dropped], before.messages[dropped:]
    # What was said up to there, word for word, has been read before: providers keep it in their caches.
    question = user_message(summary_request())
    request = Request(Conversation.begin(before.system).then(*old, question), tools)
    session.record(Prompted("summariser", file.store_message(question)))
    reply = await ask(model, request, "summariser", CallContext.for_session(session, None))
    text = reply.message.text.strip()
    summary = user_message(summary_message(dropped, text))
    summary_hash = file.store_message(summary)
    session.record(Compaction(dropped, len(kept), session.context_tokens, rejected_request, summary_hash, text))
    session.conversation = Conversation.begin(before.system).then(summary, *kept)
    session.context_tokens = 0


def _bytes(message: Message) -> int:
    return len(canonical_json(message.to_json()).encode())
