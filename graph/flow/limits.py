"""What ends the work early: limits, which are recorded, so that what there is is scored; and models that are given up,
after which the run stops where it is and can be gone on with.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from langgraph.runtime import Runtime

from aarlab.agents.models.base import ContextTooLong
from aarlab.graph.calls.budget import BudgetExhausted
from aarlab.graph.flow.context import RunContext
from aarlab.memory.events import LimitReached
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_tape import EndOfTape

Node = Callable[[Any, Runtime[RunContext]], Awaitable[Any]]
"""A node of the team graph."""

LIMITS = (BudgetExhausted, ContextTooLong)
"""What is raised where a call cannot be made."""
CONTEXT_LENGTH = "context length"
"""What stands for a field of the budget where it is the conversation that has become too long."""


def limit_event(run: RunContext, limit: BudgetExhausted | ContextTooLong, agent: str) -> LimitReached:
    """Return the record of a call that could not be made while `agent` was at work.

    The run ends with it, unless it is one researcher's own budget or memory. A team without its reviewer would not be
    the team that was asked for.
    """
    match limit:
        case ContextTooLong():
            field = CONTEXT_LENGTH
        case BudgetExhausted():
            agent, field = limit.agent, limit.field
    own = agent in run.sessions and (field.endswith("_per_agent") or field == CONTEXT_LENGTH)
    return LimitReached(field, agent, not own, str(limit))


def raise_pending_errors(node: Node) -> Any:
    """Return a node of the team graph that is not begun once a model has been given up, or the run has parted from its
    tape, in the slice before it.

    When it happens others are asking, too: what they are paying for is written down before the run stops.
    """

    async def guarded(state: Any, runtime: Runtime[RunContext]) -> Any:
        run = runtime.context
        if run.model_pool.stopped is not None:
            raise run.model_pool.stopped
        if run.divergences:
            # Reported is the first in the order of the team, and one that has come to the end of the tape last.
            order = list(run.sessions)
            raise min(
                run.divergences,
                key=lambda divergence: (isinstance(divergence, EndOfTape), order.index(divergence.stream)),
            )
        return await node(state, runtime)

    guarded.__name__ = getattr(node, "__name__", "orderly")
    return guarded


def within_limits(node: Node, stream: str) -> Any:
    """Return a node of the team graph that is left where a call of its own, by the agent `stream`, meets a limit."""

    async def limited(state: Any, runtime: Runtime[RunContext]) -> Any:
        run = runtime.context
        try:
            return await node(state, runtime)
        except LIMITS as limit:
            run.record(limit_event(run, limit, stream), round=state["round"], stream=stream)

    limited.__name__ = getattr(node, "__name__", "limited")
    return limited


def limit_ended_run(run: RunContext) -> bool:
    """Tell whether the run has met a limit that ends it, or every researcher its own."""
    met = any(entry.event.ends_run for entry in run.file.entries(LimitReached))
    return met or all(session.exhausted for session in run.sessions.values())


def limits_reached(file: RunReader) -> list[str]:
    """Return the sentences on limits that were met: of those that end a run the first, for everybody meets them."""
    message: dict[tuple[str, str], str] = {}
    for entry in file.entries(LimitReached):
        limit = entry.event
        message.setdefault((limit.field, "" if limit.ends_run else limit.agent), limit.message)
    return list(message.values())
