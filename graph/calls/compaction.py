"""Compaction: when a conversation is too long, the base model summarises the beginning and the summary replaces it.

The summary call is paid for and recorded like any other, and a `Compaction` event records what was replaced. Whether a
conversation is compacted depends on recorded data only (the token count of the last reply, or a request that the
provider rejected), so a replay compacts at the same places.
"""

from collections.abc import Sequence

from aarlab.agents.models.base import ContextTooLong, Reply, Request
from aarlab.agents.researcher import summary_message, summary_request
from aarlab.graph.calls.call import CallContext, ask, ask_role
from aarlab.graph.calls.model_pool import AgentModel
from aarlab.memory.events import Compaction
from aarlab.memory.messages import Conversation, Message, ToolSpec, canonical_json, user_message
from aarlab.tools.session import AgentSession

_BYTES_PER_TOKEN = 4
_KEEP_SHARE = 0.25
"""Share of the messages' bytes that is kept unchanged at the end; everything before it is summarised."""
_MIN_DROPPED_SHARE = 0.25
"""Minimum share of a conversation, system prompt included, that `compact_at` removes. A summary that removes less is
not worth its cost.
"""


async def call_within_window(session: AgentSession, model: AgentModel, tools: tuple[ToolSpec, ...]) -> Reply:
    """Call a researcher's base model and append its reply to the conversation, which is compacted if it is too long.

    Raises:
        ContextTooLong: The conversation is too long and cannot be compacted further.
        BudgetExhausted: The budget does not cover a call.
        ModelError: The model did not reply.
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
    tokens = reply.usage.tokens
    session.context_tokens = estimated_tokens(session.conversation, tools) if tokens is None else tokens
    session.conversation = session.conversation.then(reply.message)
    return reply


def n_droppable(messages: Sequence[Message]) -> int:
    """Return how many leading messages a summary can replace; 0 if the conversation cannot be compacted.

    The part that is kept begins with a reply of the model, so tool calls are not separated from their results. It has
    the fewest turns that contain a quarter of the bytes; if the turns after the first contain less, it has all of them.
    """
    sizes = [_n_bytes(message) for message in messages]
    min_kept = _KEEP_SHARE * sum(sizes)
    # There is nothing to summarise before the first reply.
    turns = [index for index, message in enumerate(messages) if message.speaker == "assistant"][1:]
    large_enough = [index for index in turns if sum(sizes[index:]) >= min_kept]
    return large_enough[-1] if large_enough else next(iter(turns), 0)


def _is_due(session: AgentSession) -> bool:
    conversation = session.conversation
    if session.compact_at is None or session.context_tokens < session.compact_at:
        return False
    sizes = [_n_bytes(message) for message in conversation.messages]
    dropped = sum(sizes[: n_droppable(conversation.messages)])
    return dropped >= _MIN_DROPPED_SHARE * (sum(sizes) + len(conversation.system.encode()))


async def _compact(
    session: AgentSession, model: AgentModel, tools: tuple[ToolSpec, ...], *, rejected_request: str | None
) -> None:
    """Replace the beginning of the conversation with a summary by the base model."""
    before, file = session.conversation, session.file
    dropped = n_droppable(before.messages)
    old, kept = before.messages[:dropped], before.messages[dropped:]
    # The summary request extends the unchanged beginning, which providers may have cached.
    question = user_message(summary_request())
    request = Request(Conversation.begin(before.system).then(*old, question), tools)
    reply = await ask_role(model, request, "summariser", CallContext.for_session(session, None))
    text = reply.message.text.strip()
    summary = user_message(summary_message(dropped, text))
    summary_hash = file.store_message(summary)
    session.record(Compaction(dropped, len(kept), session.context_tokens, rejected_request, summary_hash, text))
    session.conversation = Conversation.begin(before.system).then(summary, *kept)
    session.context_tokens = 0


def estimated_tokens(conversation: Conversation, tools: Sequence[ToolSpec]) -> int:
    """Return the approximate tokens of a request, for servers that report none: a quarter of its bytes."""
    system = len(conversation.system.encode()) + sum(len(tool.stored().encode()) for tool in tools)
    return (system + sum(_n_bytes(message) for message in conversation.messages)) // _BYTES_PER_TOKEN


def _n_bytes(message: Message) -> int:
    return len(canonical_json(message.to_json()).encode())
