"""The steps a researcher's graph is made of: think, act, consult the reviewer, and the rules of its clock."""

from typing import TypedDict

from langgraph.runtime import Runtime

from aarlab.agents import reviewer
from aarlab.graph.calls.call import CallContext, ask
from aarlab.graph.flow.context import AgentSession, RunContext
from aarlab.memory.events import Experiment, Prompted, ReviewDecision
from aarlab.memory.messages import Json, ToolCall, ToolResult
from aarlab.tools.experiment_tool import EXPERIMENT_TOOL
from aarlab.tools.tool_calls import call_tool


class ResearcherState(TypedDict):
    """State of a researcher's graph: whose slice of research time it is, until when, and where it goes next."""

    agent: str
    until: float
    next: str


class NextStep(TypedDict):
    """What a node of a researcher's graph decides: the node that comes next, `wait` to end the slice."""

    next: str


WAIT = "wait"


def time_left(session: AgentSession, state: ResearcherState) -> bool:
    """Tell whether another step may begin in this slice. A step that runs over is taken off the next slice."""
    return session.tool_session.hours < state["until"] - 1e-9 and session.tool_session.can_afford("think")


def is_full_run(tool_call: ToolCall) -> bool:
    """Tell whether a tool use asks for a full experiment."""
    return tool_call.name == EXPERIMENT_TOOL.name and tool_call.arguments.get("fidelity") == "full"


async def think(state: ResearcherState, runtime: Runtime[RunContext]) -> NextStep:
    """The researcher chooses its next step."""
    session = runtime.context.sessions[state["agent"]]
    message = await session.think(session.tools)
    tool_calls = message.tool_calls
    session.tool_session.record_decision("next_step", ", ".join(tool_call.name for tool_call in tool_calls) or WAIT)
    if not tool_calls:
        # Whoever has nothing more to do waits for the others: the slice passes for everybody alike.
        session.tool_session.hours = max(session.tool_session.hours, state["until"])
        return {"next": WAIT}
    gated = runtime.context.resolved.gated and any(is_full_run(tool_call) for tool_call in tool_calls)
    return {"next": "consult" if gated else "act"}


async def act(state: ResearcherState, runtime: Runtime[RunContext]) -> NextStep:
    """Its tools are used, one after the other."""
    session = runtime.context.sessions[state["agent"]]
    results = [
        await call_tool(session.tool_session, tool_call, session.tools)
        for tool_call in session.conversation.messages[-1].tool_calls
    ]
    return _return_results(runtime.context, session, results, state)


async def consult(state: ResearcherState, runtime: Runtime[RunContext]) -> NextStep:
    """The reviewer rules on each full run that is asked for; the other tools are used as they are."""
    run = runtime.context
    session = run.sessions[state["agent"]]
    results = []
    for tool_call in session.conversation.messages[-1].tool_calls:
        refused = None
        if is_full_run(tool_call):
            ruling = await request_ruling(run, session, str(tool_call.arguments.get("path")))
            refused = None if ruling.approved else f"the reviewer rejected this full run: {ruling.comment}"
        results.append(await call_tool(session.tool_session, tool_call, session.tools, refused=refused))
        session.tool_session.deciders.pop("fidelity", None)
    return _return_results(run, session, results, state)


def _return_results(
    run: RunContext, session: AgentSession, results: list[ToolResult], state: ResearcherState
) -> NextStep:
    """Hand back the results of the tools, and go on."""
    delivered = session.close_assignment(session.conversation.messages[-1].tool_calls, results)
    session.add_tool_results(results)
    if not time_left(session, state):
        return {"next": WAIT}
    return {"next": "assign" if delivered and run.resolved.assigners else "think"}


async def request_ruling(run: RunContext, session: AgentSession, path: str) -> ReviewDecision:
    """Have the reviewer rule on a full run of a workspace file, and let it take the decision on the books."""
    tool_session = session.tool_session
    code = tool_session.files.get(path, "")
    request = reviewer.run_review_request(
        tool_session.agent, _ruling_context(session, code), full_hours=tool_session.costs["full"]
    )
    assert run.reviewer is not None, "a gate was compiled without a reviewer"
    tool_session.record(Prompted("reviewer", tool_session.file.store_message(request.conversation.messages[0])))
    run_decision = reviewer.parse_run_decision(
        await ask(run.reviewer, request, "reviewer", CallContext.of(tool_session, "review"))
    )
    ruling = ReviewDecision(
        tool_session.file.store_text(code), run_decision.approved, run_decision.comment, tool_session.costs["review"]
    )
    tool_session.record(ruling)
    tool_session.deciders["fidelity"] = "reviewer"
    if not ruling.approved:
        tool_session.record_decision("fidelity", f"no full run of {path}")
    return ruling


def _ruling_context(session: AgentSession, code: str) -> dict[str, Json]:
    """Return what the reviewer is shown of a full run: the method, and what came of it and of others so far."""
    tool_session = session.tool_session
    key = tool_session.file.store_text(code)
    mine = [
        e.event
        for e in tool_session.file.entries(Experiment, stream=tool_session.agent)
        if isinstance(e.event, Experiment)
    ]
    tried = [{"fidelity": e.fidelity, "pgr": e.pgr, "error": e.error, "log": e.log} for e in mine if e.code == key]
    done = [post.finding for post in tool_session.board.leaderboard(visible_to=tool_session.agent)]
    return {
        "method": code,
        "tried": tried,
        "best_so_far": [{"title": f.title, "pgr": f.pgr, "se": f.se} for f in done[:3]],
        "same_method_posted": [f.id for f in done if f.code == key],
    }
