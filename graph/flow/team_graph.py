"""The team graph: rounds of research, what happens between them, and the close.

START -> [plan] -> brief -> next_round -> (research | close) -> END
research (one Send per researcher) -> [review] -> [publish | release] -> [oversee] -> next_round

A run that was forked goes through one graph after another: from `next_round` of the old it goes on in the new.
"""

from itertools import pairwise
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from aarlab.agents import reviewer
from aarlab.agents.models.base import ModelError
from aarlab.agents.researcher import round_message
from aarlab.graph.calls.call import ask
from aarlab.graph.flow.close import close
from aarlab.graph.flow.context import OVERSEER, PLANNER, REVIEWER, RunContext
from aarlab.graph.flow.direct import execute_directly
from aarlab.graph.flow.limits import LIMITS, limit_ended_run, limit_event, raise_pending_errors, within_limits
from aarlab.graph.flow.oversight_nodes import finding_details, oversee, overseer_note, release, stopped
from aarlab.graph.flow.planner_node import plan
from aarlab.graph.flow.researcher_graph import ResearcherGraph, compile_researcher
from aarlab.graph.flow.researcher_nodes import ResearcherState, time_left
from aarlab.graph.flow.researcher_setup import update_setup
from aarlab.graph.structure.dials.dial import first_node
from aarlab.graph.structure.structure import Structure
from aarlab.memory.events import Edge, Prompted, Published, RoundStarted
from aarlab.memory.messages import user_message
from aarlab.memory.run_tape import Divergence
from aarlab.tools.board_tools import listing_json
from aarlab.tools.session import AgentSession


class TeamState(TypedDict):
    """State of the team graph: the round that is on, and whose slice it is where there is one node for each."""

    round: int
    agent: str


class RoundUpdate(TypedDict):
    """What a node changes in the team's state."""

    round: int


TeamGraph = CompiledStateGraph[TeamState, RunContext, TeamState, TeamState]


def compile_team(structure: Structure) -> TeamGraph:
    """Compile the team graph that the structure asks for.

    It has no checkpoints: the log is on disk event by event, and a run that was broken off happens again from it.
    """
    resolved = structure.resolved()
    researcher = compile_researcher(structure)
    nodes: dict[str, Any] = {
        "review": within_limits(review, REVIEWER), "publish": publish, "release": within_limits(release, OVERSEER),
        "oversee": within_limits(oversee, OVERSEER), "next_round": next_round,
    }  # fmt: skip
    graph: StateGraph[TeamState, RunContext, TeamState, TeamState] = StateGraph(TeamState, context_schema=RunContext)
    graph.add_node("brief", brief)
    graph.add_node("research", _research(researcher))
    path = ["research", *resolved.team_nodes, "next_round"]
    for name in path[1:]:
        graph.add_node(name, raise_pending_errors(nodes[name]))
    graph.add_node("close", close)
    if structure.planned:
        graph.add_node("plan", within_limits(plan, PLANNER))
        graph.add_edge("plan", "brief")
    graph.add_edge(START, "plan" if structure.planned else "brief")
    for before, after in (*pairwise(path), ("brief", "next_round"), ("close", END)):
        graph.add_edge(before, after)
    graph.add_conditional_edges("next_round", _next_nodes, ["research", "close", END])
    return graph.compile(name="team")


async def brief(state: TeamState, runtime: Runtime[RunContext]) -> None:
    """Everybody is told who they are and what they may do, as far as they do not know it."""
    run = runtime.context
    for session in run.sessions.values():
        session.round = run.setup_round
        update_setup(run, session)


def _research(researcher: ResearcherGraph) -> Any:
    async def research(state: TeamState, runtime: Runtime[RunContext]) -> None:
        """One researcher works through its slice of research time."""
        run, session = runtime.context, runtime.context.sessions[state["agent"]]
        if session.exhausted:
            return
        session.round = state["round"]
        until = run.slice_end(state["round"])
        initial_state: ResearcherState = {
            "agent": state["agent"],
            "until": until,
            "next": session.stage or first_node(run.resolved),
        }
        try:
            session.add_message(user_message(_round_message(run, session)))
            if time_left(session, initial_state):
                if run.file.is_replay:
                    await execute_directly(researcher, initial_state, run)
                else:
                    await researcher.ainvoke(initial_state, context=run, config={"recursion_limit": 100_000})
        except LIMITS as limit:
            session.exhausted = True
            session.record(limit_event(run, limit, state["agent"]))
        except ModelError as model_error:
            run.model_pool.stopped = model_error
        except Divergence as divergence:
            run.divergences.append(divergence)

    return research


async def review(state: TeamState, runtime: Runtime[RunContext]) -> None:
    """The reviewer reads what was posted in this round and comments where it has something to say."""
    run = runtime.context
    for post in run.board.posts():
        if post.round == state["round"]:
            request = reviewer.finding_review_request(post.finding.author, finding_details(run, post))
            prompted = Prompted("reviewer", run.file.store_message(request.conversation.messages[0]))
            run.record(prompted, round=state["round"], stream=REVIEWER)
            comment = reviewer.parse_critique(
                await ask(run.models[REVIEWER], request, "reviewer", run.call_context(REVIEWER, state["round"]))
            )
            if comment is not None:
                critique = Edge("critiques", REVIEWER, post.finding.id, comment)
                run.record(critique, round=state["round"], stream=REVIEWER)


async def publish(state: TeamState, runtime: Runtime[RunContext]) -> None:
    """What was posted in this round becomes visible to everybody, in a fixed order."""
    run = runtime.context
    for post in run.board.posts():
        if not post.published:
            run.record(Published(post.finding.id), round=state["round"])


async def next_round(state: TeamState, runtime: Runtime[RunContext]) -> RoundUpdate:
    """The next slice of research time begins, unless the budget or the work is at its end."""
    run, round = runtime.context, state["round"]
    if round == run.forked_after:
        return {"round": FORKED}
    if round >= run.rounds or stopped(run) or limit_ended_run(run):
        return {"round": run.rounds + 1}
    run.record(RoundStarted(run.slice_end(round + 1)), round=round + 1)
    return {"round": round + 1}


FORKED = -1
"""What stands for a round where the run was forked: it goes on in another graph."""


async def _next_nodes(state: TeamState, runtime: Runtime[RunContext]) -> list[Send] | str:
    """Send everybody to work, or to the close."""
    run, round = runtime.context, state["round"]
    if round == FORKED:
        return END
    if round > run.rounds:
        return "close"
    return [Send("research", {"round": round, "agent": name}) for name in run.sessions]


def _round_message(run: RunContext, session: AgentSession) -> str:
    """Return the message that opens the round for one researcher."""
    new_findings = None
    if run.resolved.new_findings:
        others = [post for post in run.board.posts(visible_to=session.agent) if post.finding.author != session.agent]
        new_findings = listing_json([post for post in others if post.round == session.round - 1])
    return round_message(
        round=session.round,
        rounds=run.rounds,
        used=session.hours,
        hours=session.budget_hours,
        until=run.slice_end(session.round),
        new_findings=new_findings,
        note=overseer_note(run, session.round),
    )
