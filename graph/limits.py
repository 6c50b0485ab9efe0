"""What happens when a limit is reached: it is recorded, the work ends cleanly, and what there is is scored."""

from collections.abc import Awaitable, Callable
from typing import Any

from langgraph.runtime import Runtime

from aarlab.agents.models.base import TooLong, Unavailable
from aarlab.graph.budget import LimitSpent
from aarlab.graph.lab import OVERSEER, PLANNER, REVIEWER, Lab, failures_of
from aarlab.memory.events import TEAM, Event, LimitReached, Role

Node = Callable[[Any, Runtime[Lab]], Awaitable[Any]]
"""A node of the team graph."""


LIMITS = (LimitSpent, Unavailable, TooLong)
"""What is raised where a call cannot be made, or is given up."""


def limit_events(lab: Lab, limit: LimitSpent | Unavailable | TooLong, agent: str) -> list[Event]:
    """Return the records of a call that could not be made, or was given up, while `agent` was at work.

    The run ends with it, unless it is one researcher's own budget or memory. A team without its reviewer would not be
    the team that was asked for.
    """
    match limit:
        case Unavailable():
            agent, reached = limit.agent, LimitReached("live.patience_minutes", limit.agent, True, str(limit))
        case TooLong():
            reached = LimitReached("the model's context", agent, agent not in lab.desks, str(limit))
        case LimitSpent():
            own = limit.field.endswith("_each") and limit.agent in lab.desks
            agent, reached = limit.agent, LimitReached(limit.field, limit.agent, not own, limit.told)
    return [*failures_of(_role_of(agent, lab), limit.failed), reached]


def _role_of(agent: str, lab: Lab) -> Role:
    others: dict[str, Role] = {REVIEWER: "reviewer", OVERSEER: "overseer", PLANNER: "planner"}
    return "researcher" if agent in lab.desks else others.get(agent, "librarian")


def within_limits(node: Node) -> Node:
    """Return a node of the team graph that is left where a call of its own meets a limit."""

    async def limited(state: Any, runtime: Runtime[Lab]) -> Any:
        try:
            return await node(state, runtime)
        except LIMITS as limit:
            for event in limit_events(runtime.context, limit, TEAM):
                runtime.context.record(event, round=state["round"])

    limited.__name__ = getattr(node, "__name__", "limited")
    return limited


def halted(lab: Lab) -> bool:
    """Tell whether the run has met a limit that ends it, or every researcher its own."""
    met = any(entry.event.ends_run for entry in lab.file.entries(LimitReached)
              if isinstance(entry.event, LimitReached))  # fmt: skip
    return met or all(desk.spent for desk in lab.desks.values())
