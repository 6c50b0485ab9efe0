"""The team graph: rounds of research, the nodes between them, and the close.

START -> [plan] -> [opening] -> brief -> next_round -> (research | close) -> END
research (for all researchers) -> [review] -> [publish | release] -> [oversee] -> next_round

A forked run executes one team graph after another: `next_round` ends a graph after its last round, and the next graph
continues.
"""

from itertools import pairwise
from typing import Any, TypedDict

from langgraph.graph import END
from langgraph.runtime import Runtime

from aarlab.agents.models.base import ModelError
from aarlab.agents.researcher import round_message
from aarlab.graph.flow.close import close
from aarlab.graph.flow.context import OVERSEER, PLANNER, REVIEWER, RunContext
from aarlab.graph.flow.direct import execute_flow
from aarlab.graph.flow.flow_table import Flow, FlowNode, NodeFunction
from aarlab.graph.flow.limits import LIMITS, limit_ended_run, limit_event, raise_pending_errors, within_limits
from aarlab.graph.flow.opening_node import post_opening
from aarlab.graph.flow.oversight_nodes import oversee, overseer_note, release, stopped_by_overseer
from aarlab.graph.flow.planner_node import plan
from aarlab.graph.flow.researcher_graph import researcher_flow
from aarlab.graph.flow.researcher_nodes import time_left
from aarlab.graph.flow.researcher_setup import update_setup
from aarlab.graph.flow.review_nodes import review
from aarlab.graph.flow.stages import entry_node
from aarlab.graph.structure.structure import Structure
from aarlab.memory.events import Published, RoundStarted
from aarlab.memory.messages import user_message
from aarlab.memory.run_tape import Divergence
from aarlab.tools.board_tools import listing_json
from aarlab.tools.session import AgentSession


class TeamState(TypedDict):
    """State of the team graph."""

    round: int
    """The current round; 0 before the first."""
    agent: str
    """The researcher, in the node `research`."""
    next: str
    """The node after `next_round`."""


def team_flow(structure: Structure) -> Flow:
    """Return the flow table of the team graph under a structure."""
    resolved = structure.resolved()
    between_rounds: dict[str, NodeFunction] = {
        "review": within_limits(review, REVIEWER),
        "publish": publish,
        "release": within_limits(release, OVERSEER),
        "oversee": within_limits(oversee, OVERSEER),
    }
    before_rounds: dict[str, NodeFunction] = {"brief": brief}
    if resolved.opening != "none":
        before_rounds = {"opening": post_opening, **before_rounds}
    if structure.planned:
        before_rounds = {"plan": within_limits(plan, PLANNER), **before_rounds}
    nodes: dict[str, FlowNode] = {}
    for name, successor in pairwise([*before_rounds, "next_round"]):
        nodes[name] = FlowNode(before_rounds[name], (successor,))
    nodes["next_round"] = FlowNode(raise_pending_errors(next_round), ("research", "close", END))
    path = pairwise(["research", *resolved.team_nodes, "next_round"])
    for name, successor in path:
        if name == "research":
            nodes[name] = FlowNode(_research(researcher_flow(resolved)), (successor,), per_researcher=True)
        else:
            nodes[name] = FlowNode(raise_pending_errors(between_rounds[name]), (successor,))
    nodes["close"] = FlowNode(close, (END,))
    return Flow("team", TeamState, (next(iter(nodes)),), nodes)


async def execute_team(run: RunContext, *, last_round: int = 0) -> None:
    """Execute the team graph from the round after `last_round` to its end."""
    state = TeamState(round=last_round, agent="", next="")
    await execute_flow(team_flow(run.scenario.structure), dict(state), run)


async def brief(state: TeamState, runtime: Runtime[RunContext]) -> None:
    """Set the system prompts of the researchers."""
    run = runtime.context
    for session in run.sessions.values():
        session.round = run.setup_round
        update_setup(run, session)


def _research(flow: Flow) -> NodeFunction:
    async def research(state: TeamState, runtime: Runtime[RunContext]) -> None:
        """Execute the slice of one researcher."""
        run, session = runtime.context, runtime.context.sessions[state["agent"]]
        if session.exhausted:
            return
        session.round = state["round"]
        initial_state: Any = {
            "agent": state["agent"],
            "until": run.slice_end(state["round"]),
            "next": entry_node(run.resolved, session.stage),
            "turns": 0,
        }
        try:
            session.add_message(user_message(_round_message(run, session)))
            if time_left(session, initial_state):
                await execute_flow(flow, initial_state, run)
        except LIMITS as limit:
            session.exhausted = True
            session.record(limit_event(run, limit, state["agent"]))
        except ModelError as model_error:
            run.model_pool.stopped = model_error
        except Divergence as divergence:
            run.divergences.append(divergence)

    return research


async def publish(state: TeamState, runtime: Runtime[RunContext]) -> None:
    """Publish the findings of the round, in the order of the board."""
    run = runtime.context
    for post in run.board.posts():
        if not post.published:
            run.record(Published(post.finding.id), round=state["round"])


async def next_round(state: TeamState, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Start the next round, or the close after the last; end the graph where the run is forked."""
    run, round = runtime.context, state["round"]
    if round == run.forked_after:
        return {"next": END}
    if round >= run.rounds or stopped_by_overseer(run) or limit_ended_run(run):
        return {"next": "close"}
    run.record(RoundStarted(run.slice_end(round + 1)), round=round + 1)
    if round and round + 1 in run.neighbours:
        for session in run.sessions.values():
            session.round = round + 1
            update_setup(run, session)
    return {"round": round + 1, "next": "research"}


def _round_message(run: RunContext, session: AgentSession) -> str:
    """Return the message that starts the round for one researcher."""
    new_findings = None
    # The opening is listed even if findings are not: it is prior knowledge.
    opens = session.round == 1 and run.resolved.opening != "none"
    if run.resolved.new_findings or opens:
        visible = run.board.posts(visible_to=session.agent)
        others = [post for post in visible if post.finding.author != session.agent]
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
