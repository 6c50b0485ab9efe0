"""A researcher's graph gone through on foot, node by node, without LangGraph's scheduler: how replays do it.

Scheduling a step takes LangGraph three times as long as all that is to be done in it where the answers are on tape. In
a researcher's graph one node runs at a time, so that a loop along its edges comes to the same. Every replay shows that:
the run on tape was scheduled by LangGraph.
"""

from typing import Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime

from aarlab.graph.flow.context import RunContext
from aarlab.graph.flow.researcher_graph import ResearcherGraph
from aarlab.graph.flow.researcher_nodes import ResearcherState


async def execute_directly(graph: ResearcherGraph, initial_state: ResearcherState, run: RunContext) -> None:
    """Go through a slice of research time along the edges of the compiled graph."""
    runtime, state, at = Runtime(context=run), dict(initial_state), START
    while (at := await _next_node(graph, at, state)) != END:
        node: Any = graph.builder.nodes[at].runnable
        state |= await node.afunc(state, runtime)


async def _next_node(graph: ResearcherGraph, at: str, state: dict[str, Any]) -> str:
    """Return the node that comes after another, by its condition or, where it has none, its one edge."""
    for branch in graph.builder.branches[at].values():
        condition: Any = branch.path
        assert branch.ends is not None, "a condition without a list of where it leads"
        return branch.ends[await condition.afunc(state)]
    (after,) = (target for source, target in graph.builder.edges if source == at)
    return after
