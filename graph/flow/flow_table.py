"""Flow tables: a graph as `{node: (function, successors)}`, and its execution.

LangGraph is compiled from the table (`Flow.compiled`), and replays walk the same table (`direct.py`). LangGraph is
imported when a graph is compiled: its import takes a second, and runs with simulated models do not need it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aarlab.graph.flow.context import RunContext

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

START: Final = "__start__"
"""The node before the first, with LangGraph's name."""
END: Final = "__end__"
"""The node after the last, with LangGraph's name."""

NodeFunction = Callable[[Any, RunContext], Awaitable[Any]]
"""Takes the state and the run, and returns the changed state fields."""


class FlowNode(NamedTuple):
    """A row of a flow table."""

    function: NodeFunction
    successors: tuple[str, ...]
    """Nodes that may follow. If there are several, the state field `next` selects one. If the only one is executed for
    all researchers, `next` names it.
    """
    per_researcher: bool = False
    """Whether the node is executed for all researchers concurrently, each with its name in the state field `agent`."""


@dataclass(frozen=True)
class Flow:
    """A graph of nodes, as a table."""

    name: str
    state_type: type[Any]
    """TypedDict with at least the fields `agent` and `next`."""
    start: tuple[str, ...]
    """Nodes at which an execution may start. If there are several, the state field `next` selects one."""
    nodes: Mapping[str, FlowNode]

    def successors(self, node: str) -> tuple[str, ...]:
        """Return the successors of a node or of `START`."""
        return self.start if node == START else self.nodes[node].successors

    @cached_property
    def compiled(self) -> "CompiledStateGraph[Any, RunContext, Any, Any]":
        """The LangGraph graph of the table.

        It has no checkpointer: the event log is written event by event, and an interrupted run re-executes from it.
        """
        from langgraph.graph import StateGraph
        from langgraph.runtime import Runtime
        from langgraph.types import Send

        def with_context(function: NodeFunction) -> Any:
            async def node(state: Any, runtime: Runtime[RunContext]) -> Any:
                return await function(state, runtime.context)

            return node

        async def route(state: Any, runtime: Runtime[RunContext]) -> list[Send] | str:
            target: str = state["next"]
            if target in self.nodes and self.nodes[target].per_researcher:
                return [Send(target, {**state, "agent": name}) for name in runtime.context.sessions]
            return target

        graph: StateGraph[Any, RunContext, Any, Any] = StateGraph(self.state_type, context_schema=RunContext)
        for name, row in self.nodes.items():
            graph.add_node(name, with_context(row.function))
        for name in (START, *self.nodes):
            match self.successors(name):
                case (successor,) if successor == END or not self.nodes[successor].per_researcher:
                    graph.add_edge(name, successor)
                case several:
                    graph.add_conditional_edges(name, route, list(several))
        return graph.compile(name=self.name)
