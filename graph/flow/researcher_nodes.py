"""Nodes of the researcher graph: think, act, consult the reviewer."""

from collections.abc import Mapping
from typing import TypedDict

from aarlab.agents.models.base import AGENT_ENDED, Request
from aarlab.agents.researcher import round_end_message, truncation_message
from aarlab.graph.calls.call import CallContext, ask
from aarlab.graph.calls.compaction import call_within_window
from aarlab.graph.flow.call_approval import approval
from aarlab.graph.flow.context import REVIEWER, RunContext
from aarlab.graph.flow.flow_table import END
from aarlab.graph.flow.review_nodes import is_full_experiment, request_decision
from aarlab.memory.messages import Message, ToolCall, ToolResult, user_message
from aarlab.tools.experiment_tool import EXPERIMENT_TOOL, with_decider
from aarlab.tools.session import AgentSession
from aarlab.tools.tool import Tool
from aarlab.tools.tool_calls import call_tool

MAX_CONTINUATIONS = 2
"""Maximum number of requests to continue a reply that was cut off at the provider's token limit."""


class ResearcherState(TypedDict):
    """State of the researcher graph."""

    agent: str
    """Name of the researcher."""
    until: float
    """Research hour at which its slice ends."""
    next: str
    """The next node."""
    turns: int
    """Turns so far in the current stage of a staged workflow."""


class NextStep(TypedDict):
    """Update by a node of the researcher graph: the next node, or `END` to end the slice."""

    next: str


def time_left(session: AgentSession, state: ResearcherState) -> bool:
    """Return whether another step may begin in this slice."""
    return not session.exhausted and session.has_time(state["until"])


async def call_researcher(
    run: RunContext, session: AgentSession, tools: Mapping[str, Tool], state: ResearcherState
) -> Message:
    """Call a researcher's base model with these tools, append its reply to the conversation and return it.

    A reply without tool calls that was cut off is continued up to `MAX_CONTINUATIONS` times. If an outside agent has
    ended, the slice ends.
    """
    model, specs = run.models[session.agent], tuple(tool.spec for tool in tools.values())
    reply = await call_within_window(session, model, specs)
    for _ in range(MAX_CONTINUATIONS):
        if reply.stop_reason != "max_tokens" or reply.message.tool_calls or not session.can_afford("think"):
            break
        session.add_message(user_message(truncation_message()))
        reply = await call_within_window(session, model, specs)
    # The served model, not its name: a tape has replies of outside agents, too.
    session.agent_running = reply.model.startswith("agent/") and reply.stop_reason != AGENT_ENDED
    if reply.stop_reason == AGENT_ENDED:
        session.hours = max(session.hours, state["until"])
    return reply.message


async def end_outside_agent(run: RunContext, session: AgentSession) -> None:
    """Let a researcher's outside agent end with the slice, and record how it ended and what it states about itself."""
    if not session.agent_running:
        return
    session.agent_running = False
    session.add_message(user_message(round_end_message()))
    request = Request(session.conversation, tuple(tool.spec for tool in run.tools_of(session.agent).values()))
    reply = await ask(run.models[session.agent], request, "researcher", CallContext.for_session(session, None))
    session.conversation = session.conversation.then(reply.message)


async def think(state: ResearcherState, run: RunContext) -> NextStep:
    """Call the base model: it chooses the next tool calls, or ends the slice by making none."""
    session = run.sessions[state["agent"]]
    tool_calls = (await call_researcher(run, session, run.tools_of(session.agent), state)).tool_calls
    if not _only_repeats(session, tool_calls):
        session.record_decision("next_step", _choice(tool_calls))
    if not tool_calls:
        # Slices are equal for all researchers, so waiting uses up the rest of the slice.
        session.hours = max(session.hours, state["until"])
        return {"next": END}
    may_run = run.resolved.gated and EXPERIMENT_TOOL.name in run.tools_of(session.agent)
    gated = may_run and any(is_full_experiment(tool_call) for tool_call in tool_calls)
    return {"next": "consult" if gated else "act"}


async def act(state: ResearcherState, run: RunContext) -> NextStep:
    """Execute the tool calls of the last reply in order."""
    session = run.sessions[state["agent"]]
    tool_calls = session.conversation.messages[-1].tool_calls
    repeats = _only_repeats(session, tool_calls)
    tools, approve = run.tools_of(session.agent), approval(run, session)
    results = [await call_tool(session, tool_call, tools, approve=approve) for tool_call in tool_calls]
    _record_successful_repeats(session, tool_calls, results, repeats=repeats)
    return _return_results(run, session, results, state)


async def consult(state: ResearcherState, run: RunContext) -> NextStep:
    """Execute the tool calls of the last reply; full experiments only if the reviewer approves them."""
    session = run.sessions[state["agent"]]
    tools, approve = run.tools_of(session.agent), approval(run, session)
    reviewed_tools = {**tools, EXPERIMENT_TOOL.name: with_decider(tools[EXPERIMENT_TOOL.name], REVIEWER)}
    results: list[ToolResult] = []
    tool_calls = session.conversation.messages[-1].tool_calls
    repeats = _only_repeats(session, tool_calls)
    for tool_call in tool_calls:
        if not is_full_experiment(tool_call):
            results.append(await call_tool(session, tool_call, tools, approve=approve))
            continue
        decision = await request_decision(run, session, str(tool_call.arguments.get("path")))
        refusal = None if decision.approved else f"the reviewer rejected this full run: {decision.comment}"
        results.append(await call_tool(session, tool_call, reviewed_tools, refusal=refusal, approve=approve))
    _record_successful_repeats(session, tool_calls, results, repeats=repeats)
    return _return_results(run, session, results, state)


def _choice(tool_calls: tuple[ToolCall, ...]) -> str:
    return ", ".join(tool_call.name for tool_call in tool_calls) or "wait"


def _only_repeats(session: AgentSession, tool_calls: tuple[ToolCall, ...]) -> bool:
    """Return whether each call has failed before, unchanged: an agent that is stuck takes no decision."""
    return bool(tool_calls) and all(session.has_failed(call.name, call.arguments) for call in tool_calls)


def _record_successful_repeats(
    session: AgentSession, tool_calls: tuple[ToolCall, ...], results: list[ToolResult], *, repeats: bool
) -> None:
    """Record the decision to repeat failed calls if one of them succeeded this time."""
    if repeats and not all(result.is_error for result in results):
        session.record_decision("next_step", _choice(tool_calls))


def _return_results(
    run: RunContext, session: AgentSession, results: list[ToolResult], state: ResearcherState
) -> NextStep:
    """Append the tool results to the conversation and return the next step."""
    completed = completes_assignment(session.conversation.messages[-1].tool_calls, results)
    session.assigned = session.assigned and not completed
    session.add_tool_results(results)
    if not time_left(session, state):
        return {"next": END}
    return {"next": "assign" if completed and run.resolved.assigners else "think"}


def completes_assignment(tool_calls: tuple[ToolCall, ...], results: list[ToolResult]) -> bool:
    """Return whether a tool call posted a finding with an experiment, which completes an assignment."""
    return any(
        tool_call.name == "post_finding" and tool_call.arguments.get("experiment") and not result.is_error
        for tool_call, result in zip(tool_calls, results, strict=True)
    )
