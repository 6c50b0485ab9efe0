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
from aarlab.agents.researcher import round_opening
from aarlab.graph.asking import ask
from aarlab.graph.briefing import briefing
from aarlab.graph.close import close
from aarlab.graph.lab import OVERSEER, PLANNER, REVIEWER, Desk, Lab
from aarlab.graph.limits import LIMITS, after_research, halted, reached, within_limits
from aarlab.graph.onfoot import on_foot
from aarlab.graph.oversee import note_for, oversee, release, stopped, whole
from aarlab.graph.plan import plan
from aarlab.graph.researcher import ResearcherGraph, compile_researcher
from aarlab.graph.structure import Structure
from aarlab.graph.turn import Slice, time_left
from aarlab.memory.events import Edge, Published, RoundBegan, Told
from aarlab.memory.messages import user
from aarlab.memory.tape import Divergence
from aarlab.tools.board import listing


class Team(TypedDict):
    """State of the team graph: the round that is on, and whose slice it is where there is one node for each."""

    round: int
    agent: str


class Round(TypedDict):
    """What a node changes in the team's state."""

    round: int


TeamGraph = CompiledStateGraph[Team, Lab, Team, Team]


def compile_team(structure: Structure) -> TeamGraph:
    """Compile the team graph that the structure asks for.

    It has no checkpoints: the log is on disk event by event, and a run that was broken off happens again from it.
    """
    blueprint = structure.blueprint()
    researcher = compile_researcher(structure)
    nodes: dict[str, Any] = {
        "review": within_limits(review, REVIEWER), "publish": publish, "release": within_limits(release, OVERSEER),
        "oversee": within_limits(oversee, OVERSEER), "next_round": next_round,
    }  # fmt: skip
    graph: StateGraph[Team, Lab, Team, Team] = StateGraph(Team, context_schema=Lab)
    graph.add_node("brief", brief)
    graph.add_node("research", _research(researcher))
    path = ["research", *blueprint.team_nodes, "next_round"]
    for name in path[1:]:
        graph.add_node(name, after_research(nodes[name]))
    graph.add_node("close", close)
    if structure.planned:
        graph.add_node("plan", within_limits(plan, PLANNER))
        graph.add_edge("plan", "brief")
    graph.add_edge(START, "plan" if structure.planned else "brief")
    for before, after in (*pairwise(path), ("brief", "next_round"), ("close", END)):
        graph.add_edge(before, after)
    graph.add_conditional_edges("next_round", _onward, ["research", "close", END])
    return graph.compile(name="team")


async def brief(state: Team, runtime: Runtime[Lab]) -> None:
    """Everybody is told who they are and what they may do, as far as they do not know it."""
    lab = runtime.context
    for desk in lab.desks.values():
        desk.bench.round = lab.briefed_in
        desk.brief(briefing(lab, desk))


def _research(researcher: ResearcherGraph) -> Any:
    async def research(state: Team, runtime: Runtime[Lab]) -> None:
        """One researcher works through its slice of research time."""
        lab, desk = runtime.context, runtime.context.desks[state["agent"]]
        if desk.spent:
            return
        desk.bench.round = state["round"]
        until = lab.slice_end(state["round"])
        beginning: Slice = {"agent": state["agent"], "until": until, "next": desk.stage or desk.first}
        try:
            desk.tell(user(_opening(lab, desk)))
            if time_left(desk, beginning):
                if lab.file.replays_only:
                    await on_foot(researcher, beginning, lab)
                else:
                    await researcher.ainvoke(beginning, context=lab, config={"recursion_limit": 100_000})
        except LIMITS as limit:
            desk.spent = True
            desk.bench.record(reached(lab, limit, state["agent"]))
        except ModelError as given_up:
            lab.payroll.stopped = given_up
        except Divergence as parting:
            lab.partings.append(parting)

    return research


async def review(state: Team, runtime: Runtime[Lab]) -> None:
    """The reviewer reads what was posted in this round and comments where it has something to say."""
    lab = runtime.context
    assert lab.reviewer is not None, "a review was compiled without a reviewer"
    for post in lab.board.posts():
        if post.round == state["round"]:
            request = reviewer.ask_about_finding(post.finding.author, whole(lab, post))
            heard = Told("reviewer", lab.file.store_message(request.conversation.messages[0]))
            lab.record(heard, round=state["round"], stream=REVIEWER)
            comment = reviewer.remark(await ask(lab.reviewer, request, "reviewer", lab.line(REVIEWER, state["round"])))
            if comment is not None:
                remark = Edge("critiques", REVIEWER, post.finding.id, comment)
                lab.record(remark, round=state["round"], stream=REVIEWER)


async def publish(state: Team, runtime: Runtime[Lab]) -> None:
    """What was posted in this round becomes visible to everybody, in a fixed order."""
    lab = runtime.context
    for post in lab.board.posts():
        if not post.published:
            lab.record(Published(post.finding.id), round=state["round"])


async def next_round(state: Team, runtime: Runtime[Lab]) -> Round:
    """The next slice of research time begins, unless the budget or the work is at its end."""
    lab, round = runtime.context, state["round"]
    if round == lab.forked_after:
        return {"round": FORKED}
    if round >= lab.rounds or stopped(lab) or halted(lab):
        return {"round": lab.rounds + 1}
    lab.record(RoundBegan(lab.slice_end(round + 1)), round=round + 1)
    return {"round": round + 1}


FORKED = -1
"""What stands for a round where the run was forked: it goes on in another graph."""


async def _onward(state: Team, runtime: Runtime[Lab]) -> list[Send] | str:
    """Send everybody to work, or to the close."""
    lab, round = runtime.context, state["round"]
    if round == FORKED:
        return END
    if round > lab.rounds:
        return "close"
    return [Send("research", {"round": round, "agent": name}) for name in lab.desks]


def _opening(lab: Lab, desk: Desk) -> str:
    """Return the message that opens the round for one researcher."""
    bench = desk.bench
    news = None
    if lab.blueprint.news:
        others = [post for post in lab.board.posts(seen_by=bench.agent) if post.finding.author != bench.agent]
        news = listing([post for post in others if post.round == bench.round - 1])
    return round_opening(
        round=bench.round,
        rounds=lab.rounds,
        used=bench.hours,
        hours=bench.budget_hours,
        until=lab.slice_end(bench.round),
        news=news,
        note=note_for(lab, bench.round),
    )
