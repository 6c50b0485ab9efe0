"""The team graph: rounds of research, the nodes between them, and the close.

START -> [plan] -> [opening] -> brief -> next_round -> ([replace_members] -> [assign_tasks] -> research | close) -> END
research (for all researchers) -> [review] -> [respond] -> [publish | release] -> [oversee] -> next_round

A forked run executes one team graph after another: `next_round` ends a graph after its last round, and the next graph
continues.
"""

from itertools import pairwise
from typing import Any, TypedDict

from aarlab.agents.models.base import ModelError
from aarlab.graph.calls.inbox_call import WaitingForAnswer
from aarlab.graph.flow.close import close
from aarlab.graph.flow.context import OVERSEER, REVIEWER, RunContext
from aarlab.graph.flow.direct import execute_flow
from aarlab.graph.flow.flow_table import END, Flow, FlowNode, NodeFunction
from aarlab.graph.flow.lead_nodes import assign_tasks, plan
from aarlab.graph.flow.limits import LIMITS, limit_ended_run, limit_event, raise_pending_errors, within_limits
from aarlab.graph.flow.opening_node import post_opening
from aarlab.graph.flow.oversight_nodes import oversee, release, stopped_by_person
from aarlab.graph.flow.people_instructions import take_up_instructions
from aarlab.graph.flow.researcher_graph import researcher_flow
from aarlab.graph.flow.researcher_nodes import end_outside_agent, time_left
from aarlab.graph.flow.researcher_setup import update_setup
from aarlab.graph.flow.response_node import respond
from aarlab.graph.flow.review_nodes import review
from aarlab.graph.flow.round_messages import round_messages
from aarlab.graph.flow.stages import entry_node
from aarlab.graph.flow.turnover_node import replace_members, work_entry
from aarlab.graph.structure.group_leads import LEAD
from aarlab.graph.structure.structure import Structure
from aarlab.memory.events import Published, RoundStarted
from aarlab.memory.run_tape import Divergence


class TeamState(TypedDict):
    """State of the team graph."""

    round: int
    """The current round; 0 before the first."""
    agent: str
    """The researcher, in the node `research`."""
    next: str
    """The node after `next_round`."""


def team_flow(structure: Structure, *, turnover: bool = False) -> Flow:
    """Return the flow table of the team graph under a structure, and with turnover of the researchers or without."""
    resolved = structure.resolved()
    first = "replace_members" if turnover else work_entry(resolved)
    between_rounds: dict[str, NodeFunction] = {
        "review": within_limits(review, REVIEWER),
        "respond": within_limits(respond, OVERSEER),
        "publish": publish,
        "release": within_limits(release, OVERSEER),
        "oversee": within_limits(oversee, OVERSEER),
    }
    before_rounds: dict[str, NodeFunction] = {"brief": brief}
    if resolved.opening != "none":
        before_rounds = {"opening": post_opening, **before_rounds}
    if structure.planned:
        before_rounds = {"plan": within_limits(plan, LEAD), **before_rounds}
    nodes: dict[str, FlowNode] = {}
    for name, successor in pairwise([*before_rounds, "next_round"]):
        nodes[name] = FlowNode(before_rounds[name], (successor,))
    nodes["next_round"] = FlowNode(raise_pending_errors(next_round), (first, "close", END))
    if turnover:
        nodes["replace_members"] = FlowNode(replace_members, (work_entry(resolved),))
    if resolved.has_lead:
        nodes["assign_tasks"] = FlowNode(assign_tasks, ("research", "close"))
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
    flow = team_flow(run.scenario.structure, turnover=run.scenario.team.turnover is not None)
    await execute_flow(flow, dict(state), run)


async def brief(state: TeamState, run: RunContext) -> None:
    """Set the system prompts of the researchers."""
    for session in run.sessions.values():
        session.round = run.setup_round
        update_setup(run, session)


def _research(flow: Flow) -> NodeFunction:
    async def research(state: TeamState, run: RunContext) -> None:
        """Execute the slice of one researcher."""
        session = run.sessions[state["agent"]]
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
            for message in round_messages(run, session):
                session.add_message(message)
            if session.task is not None:
                session.add_message(session.task)
                session.task = None
            if time_left(session, initial_state):
                await execute_flow(flow, initial_state, run)
                await end_outside_agent(run, session)
        except LIMITS as limit:
            session.exhausted = True
            session.record(limit_event(run, limit, state["agent"]))
        except WaitingForAnswer as waiting:
            run.model_pool.waiting = waiting
        except ModelError as model_error:
            run.model_pool.stopped = model_error
        except Divergence as divergence:
            run.divergences.append(divergence)
        finally:
            # If an error has ended the slice, the agent would wait for the result of its last call.
            session.agent_running = False
            await run.models[session.agent].stop()

    return research


async def publish(state: TeamState, run: RunContext) -> None:
    """Publish the findings of the round, in the order of the board."""
    for post in run.board.unpublished():
        if post.held_back is None:
            run.record(Published(post.finding.id), round=state["round"])


async def next_round(state: TeamState, run: RunContext) -> dict[str, Any]:
    """Start the next round, or the close after the last; end the graph where the run is forked."""
    round = state["round"]
    if round == run.forked_after:
        return {"next": END}
    take_up_instructions(run, round)
    if round >= run.rounds or stopped_by_person(run) or limit_ended_run(run):
        return {"next": "close"}
    run.record(RoundStarted(run.slice_end(round + 1)), round=round + 1)
    if round and round + 1 in run.neighbours:
        for session in run.sessions.values():
            session.round = round + 1
            update_setup(run, session)
    if run.scenario.team.turnover is not None:
        return {"round": round + 1, "next": "replace_members"}
    return {"round": round + 1, "next": work_entry(run.resolved)}
