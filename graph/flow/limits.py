"""Limits and failures that end work early.

A limit is recorded, and the findings so far are scored. After a model failure the run is interrupted and can be
resumed.
"""

from typing import Any

from aarlab.agents.models.base import ContextTooLong
from aarlab.graph.calls.budget import BudgetExhausted
from aarlab.graph.flow.context import RunContext
from aarlab.graph.flow.flow_table import NodeFunction
from aarlab.memory.events import LimitReached
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_tape import EndOfTape

LIMITS = (BudgetExhausted, ContextTooLong)
"""Errors of calls that exceed a limit."""
CONTEXT_LENGTH = "context length"
"""Value of the event field `field` if the limit is the model's context, not a field of the budget."""


def limit_event(run: RunContext, limit: BudgetExhausted | ContextTooLong, agent: str) -> LimitReached:
    """Return the event for a limit that an agent reached.

    A researcher's own budget or context ends the work of this researcher only. All other limits end the run: a team
    without its reviewer, for example, is not the team of the scenario.
    """
    match limit:
        case ContextTooLong():
            field = CONTEXT_LENGTH
        case BudgetExhausted():
            agent, field = limit.agent, limit.field
    ends_researcher_only = agent in run.sessions and (field.endswith("_per_agent") or field == CONTEXT_LENGTH)
    return LimitReached(field, agent, not ends_researcher_only, str(limit))


def raise_pending_errors(node: NodeFunction) -> NodeFunction:
    """Return a node that first raises the model failure, open question or divergence of the previous slice.

    Researchers store these errors instead of raising them, so that the calls of the others in progress are recorded.
    """

    async def guarded(state: Any, run: RunContext) -> Any:
        for error in (run.model_pool.stopped, run.model_pool.waiting):
            if error is not None:
                raise error
        if run.divergences:
            # The first in the order of the team; the end of the tape only if there is no other divergence.
            order = list(run.sessions)
            raise min(
                run.divergences,
                key=lambda divergence: (isinstance(divergence, EndOfTape), order.index(divergence.stream)),
            )
        return await node(state, run)

    return guarded


def within_limits(node: NodeFunction, stream: str) -> NodeFunction:
    """Return a node that ends when a call of the agent `stream` reaches a limit, and records the limit."""

    async def limited(state: Any, run: RunContext) -> Any:
        try:
            return await node(state, run)
        except LIMITS as limit:
            run.record(limit_event(run, limit, stream), round=state["round"], stream=stream)

    return limited


def limit_ended_run(run: RunContext) -> bool:
    """Return whether a limit that ends the run was reached, or every researcher reached its own limit."""
    reached = any(entry.event.ends_run for entry in run.file.entries(LimitReached))
    return reached or all(session.exhausted for session in run.sessions.values())


def limits_reached(file: RunReader) -> list[str]:
    """Return the messages of the limits reached; for a limit that ends the run, only the first message."""
    messages: dict[tuple[str, str], str] = {}
    for entry in file.entries(LimitReached):
        limit = entry.event
        messages.setdefault((limit.field, "" if limit.ends_run else limit.agent), limit.message)
    return list(messages.values())
