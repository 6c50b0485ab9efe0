"""The researcher graph: what one researcher does in a slice of research time."""

from collections.abc import Hashable
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from aarlab.graph.flow import stages
from aarlab.graph.flow.assignments import assign
from aarlab.graph.flow.context import RunContext
from aarlab.graph.flow.researcher_nodes import WAIT, ResearcherState, act, consult, think
from aarlab.graph.structure.structure import Structure

ResearcherGraph = CompiledStateGraph[ResearcherState, RunContext, ResearcherState, ResearcherState]


def compile_researcher(structure: Structure) -> ResearcherGraph:
    """Compile the researcher graph that the structure asks for.

    autonomous:  think <-> act
    staged:      propose -> plan -> implement -> smoke -> full run -> analyse -> share -> propose ...

    Where full runs are gated, a node that consults the reviewer stands in front of them; where ideas are assigned, a
    node that does so stands before the work on each.
    """
    resolved = structure.resolved()
    assigned = bool(resolved.assigners)
    graph: StateGraph[ResearcherState, RunContext, ResearcherState, ResearcherState] = StateGraph(
        ResearcherState, context_schema=RunContext
    )
    if resolved.workflow == "staged":
        _staged(graph, gated=resolved.gated, assigned=assigned)
    else:
        _autonomous(graph, gated=resolved.gated, assigned=assigned)
    return graph.compile(name="researcher")


def _autonomous(graph: "StateGraph[Any, Any, Any, Any]", *, gated: bool, assigned: bool) -> None:
    graph.add_node("think", think)
    graph.add_node("act", act)
    after_act: dict[Hashable, str] = {"think": "think", WAIT: END}
    if assigned:
        graph.add_node("assign", assign)
        graph.add_edge(START, "assign")
        graph.add_edge("assign", "think")
        after_act["assign"] = "assign"
    else:
        graph.add_edge(START, "think")
    after_think: dict[Hashable, str] = {"act": "act", WAIT: END}
    if gated:
        graph.add_node("consult", consult)
        after_think["consult"] = "consult"
        graph.add_conditional_edges("consult", _next, after_act)
    graph.add_conditional_edges("think", _next, after_think)
    graph.add_conditional_edges("act", _next, after_act)


def _staged(graph: "StateGraph[Any, Any, Any, Any]", *, gated: bool, assigned: bool) -> None:
    staged_nodes = stages.staged_nodes(gated=gated, assigned=assigned)
    for name, (node, _) in staged_nodes.items():
        graph.add_node(name, node)
    # A slice goes on with the stage at which the last one ended.
    graph.add_conditional_edges(START, _next, {name: name for name in staged_nodes})
    for name, (_, after) in staged_nodes.items():
        graph.add_conditional_edges(name, _next, {**{other: other for other in after}, WAIT: END})


async def _next(state: ResearcherState) -> str:
    return state["next"]
