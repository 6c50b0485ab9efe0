"""Execution of a flow: by LangGraph if a base model is live, and directly from its table otherwise.

LangGraph takes three times as long to schedule a node as a replay takes to execute it, and its tracing and streaming
have no use without a live model. Both visit the same nodes in the same order. The replay of a run with a live model
verifies this event by event, because the run was scheduled by LangGraph. `RunContext.scheduler` overrides the choice.
"""

import asyncio
from typing import Any

from aarlab.graph.flow.context import RunContext
from aarlab.graph.flow.flow_table import END, START, Flow, NodeFunction

_MAX_NODES = 1_000_000
"""LangGraph's recursion limit. The budget ends every execution long before this limit."""


async def execute_flow(flow: Flow, state: dict[str, Any], run: RunContext) -> None:
    """Execute a flow from an initial state until it reaches `END`."""
    recorded = run.file.is_replay or run.model_pool.is_recorded
    if run.scheduler == "direct" or (run.scheduler == "auto" and (recorded or not run.model_pool.has_live_model)):
        await execute_directly(flow, state, run)
    else:
        await execute_by_langgraph(flow, state, run)


async def execute_by_langgraph(flow: Flow, state: dict[str, Any], run: RunContext) -> None:
    """Execute a flow by the LangGraph graph compiled from its table."""
    await flow.compiled.ainvoke(state, context=run, config={"recursion_limit": _MAX_NODES})


async def execute_directly(flow: Flow, state: dict[str, Any], run: RunContext) -> None:
    """Execute a flow by walking its table."""
    state = dict(state)
    name = _next_node(flow, START, state)
    while name != END:
        node = flow.nodes[name]
        if node.per_researcher:
            await _execute_for_all(node.function, state, run)
        else:
            state |= await node.function(state, run) or {}
        name = _next_node(flow, name, state)


def _next_node(flow: Flow, name: str, state: dict[str, Any]) -> str:
    successors = flow.successors(name)
    successor: str = successors[0] if len(successors) == 1 else state["next"]
    assert successor in successors, f"{name} has no successor {successor}"
    return successor


async def _execute_for_all(function: NodeFunction, state: dict[str, Any], run: RunContext) -> None:
    """Execute a node for all researchers concurrently. The first error cancels the others and is raised."""
    tasks = [asyncio.ensure_future(function({**state, "agent": agent}, run)) for agent in run.sessions]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
