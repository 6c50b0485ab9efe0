"""What ends the work early: limits, which are recorded, so that what there is is scored; and models that are given up,
after which the run stops where it is and can be gone on with.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from langgraph.runtime import Runtime

from aarlab.agents.models.base import TooLong
from aarlab.graph.budget import LimitSpent
from aarlab.graph.lab import Lab
from aarlab.memory.events import LimitReached
from aarlab.memory.runfile import RunFile
from aarlab.memory.tape import EndOfTape

Node = Callable[[Any, Runtime[Lab]], Awaitable[Any]]
"""A node of the team graph."""

LIMITS = (LimitSpent, TooLong)
"""What is raised where a call cannot be made."""
THE_CONTEXT = "the model's context"
"""What stands for a field of the budget where it is the conversation that has become too long."""


def reached(lab: Lab, limit: LimitSpent | TooLong, agent: str) -> LimitReached:
    """Return the record of a call that could not be made while `agent` was at work.

    The run ends with it, unless it is one researcher's own budget or memory. A team without its reviewer would not be
    the team that was asked for.
    """
    match limit:
        case TooLong():
            field = THE_CONTEXT
        case LimitSpent():
            agent, field = limit.agent, limit.field
    own = agent in lab.desks and (field.endswith("_each") or field == THE_CONTEXT)
    return LimitReached(field, agent, not own, str(limit))


def after_research(node: Node) -> Any:
    """Return a node of the team graph that is not begun once a model has been given up, or the run has parted from its
    tape, in the slice before it.

    When it happens others are asking, too: what they are paying for is written down before the run stops.
    """

    async def orderly(state: Any, runtime: Runtime[Lab]) -> Any:
        lab = runtime.context
        if lab.payroll.stopped is not None:
            raise lab.payroll.stopped
        if lab.partings:
            # Reported is the first in the order of the team, and one that has come to the end of the tape last.
            order = list(lab.desks)
            raise min(lab.partings, key=lambda parting: (isinstance(parting, EndOfTape), order.index(parting.stream)))
        return await node(state, runtime)

    orderly.__name__ = getattr(node, "__name__", "orderly")
    return orderly


def within_limits(node: Node, stream: str) -> Any:
    """Return a node of the team graph that is left where a call of its own, by the agent `stream`, meets a limit."""

    async def limited(state: Any, runtime: Runtime[Lab]) -> Any:
        lab = runtime.context
        try:
            return await node(state, runtime)
        except LIMITS as limit:
            lab.record(reached(lab, limit, stream), round=state["round"], stream=stream)

    limited.__name__ = getattr(node, "__name__", "limited")
    return limited


def halted(lab: Lab) -> bool:
    """Tell whether the run has met a limit that ends it, or every researcher its own."""
    met = any(entry.event.ends_run for entry in lab.file.entries(LimitReached)
              if isinstance(entry.event, LimitReached))  # fmt: skip
    return met or all(desk.spent for desk in lab.desks.values())


def limits_reached(file: RunFile) -> list[str]:
    """Return the sentences on limits that were met: of those that end a run the first, for everybody meets them."""
    told: dict[tuple[str, str], str] = {}
    for entry in file.entries(LimitReached):
        match entry.event:
            case LimitReached() as limit:
                told.setdefault((limit.field, "" if limit.ends_run else limit.agent), limit.told)
            case _:
                pass
    return list(told.values())
