"""The team graph: rounds of research, what happens between them, and the close.

START -> [plan] -> brief -> research (one Send per researcher) -> [review] -> [publish | release] -> [oversee] ->
next_round -> (research | close) -> END
"""

from itertools import pairwise
from typing import Any, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from aarlab.agents import reviewer
from aarlab.agents.researcher import round_opening
from aarlab.graph.briefing import briefing
from aarlab.graph.close import close
from aarlab.graph.lab import REVIEWER, Desk, Lab, calls_of
from aarlab.graph.limits import LIMITS, halted, limit_events, within_limits
from aarlab.graph.oversee import note_for, oversee, release, stopped, whole
from aarlab.graph.plan import plan
from aarlab.graph.researcher import ResearcherGraph, compile_researcher
from aarlab.graph.structure import Structure
from aarlab.graph.turn import Slice, time_left
from aarlab.memory.events import Edge, Published, RoundBegan, Told
from aarlab.memory.messages import user
from aarlab.tools.board import listing


class Team(TypedDict):
    """State of the team graph: the round that is on, and whose slice it is where there is one node for each."""

    round: int
    agent: str


class Round(TypedDict):
    """What a node changes in the team's state."""

    round: int


TeamGraph = CompiledStateGraph[Team, Lab, Team, Team]


def compile_team(structure: Structure, checkpointer: "BaseCheckpointSaver[str] | None" = None) -> TeamGraph:
    """Compile the team graph that the structure asks for."""
    blueprint = structure.blueprint()
    researcher = compile_researcher(structure)
    nodes: dict[str, Any] = {
        "review": within_limits(review), "publish": publish, "release": within_limits(release),
        "oversee": within_limits(oversee), "plan": within_limits(plan),
    }  # fmt: skip
    graph: StateGraph[Team, Lab, Team, Team] = StateGraph(Team, context_schema=Lab)
    graph.add_node("brief", brief)
    graph.add_node("research", _research(researcher))
    path = ["research", *blueprint.team_nodes, "next_round"]
    for name in blueprint.team_nodes:
        graph.add_node(name, nodes[name])
    graph.add_node("next_round", next_round)
    graph.add_node("close", close)
    if structure.planned:
        graph.add_node("plan", nodes["plan"])
        graph.add_edge("plan", "brief")
    graph.add_edge(START, "plan" if structure.planned else "brief")
    graph.add_conditional_edges("brief", _everybody, ["research"])
    for before, after in pairwise(path):
        graph.add_edge(before, after)
    graph.add_conditional_edges("next_round", _everybody_or_close, ["research", "close"])
    graph.add_edge("close", END)
    return graph.compile(checkpointer=checkpointer, name="team")


async def brief(state: Team, runtime: Runtime[Lab]) -> Round:
    """Everybody is told who they are and what they may do."""
    for desk in runtime.context.desks.values():
        desk.brief(briefing(runtime.context, desk))
    return {"round": _begin(runtime.context, 1)}


def _research(researcher: ResearcherGraph) -> Any:
    async def research(state: Team, runtime: Runtime[Lab]) -> None:
        """One researcher works through its slice of research time."""
        lab, desk = runtime.context, runtime.context.desks[state["agent"]]
        if desk.spent or halted(lab):
            return
        desk.bench.round = state["round"]
        until = lab.slice_end(state["round"])
        desk.tell(user(_opening(lab, desk)))
        beginning: Slice = {"agent": state["agent"], "until": until, "next": desk.stage or desk.first}
        try:
            if time_left(desk, beginning):
                await researcher.ainvoke(beginning, context=lab, config={"recursion_limit": 100_000})
        except LIMITS as limit:
            desk.spent = True
            for event in limit_events(lab, limit, state["agent"]):
                desk.bench.record(event)

    return research


async def review(state: Team, runtime: Runtime[Lab]) -> None:
    """The reviewer reads what was posted in this round and comments where it has something to say."""
    lab = runtime.context
    assert lab.reviewer is not None, "a review was compiled without a reviewer"
    for post in lab.board.posts():
        if post.round == state["round"]:
            request = reviewer.ask_about_finding(post.finding.author, whole(lab, post))
            reply = await lab.reviewer.reply(request)
            heard = Told("reviewer", lab.file.store_message(request.conversation.messages[0]))
            said = calls_of("reviewer", request, reply, lab.file, cost_hours=0.0)
            comment = reviewer.remark(reply)
            remarks = [] if comment is None else [Edge("critiques", REVIEWER, post.finding.id, comment)]
            for event in (heard, *said, *remarks):
                lab.record(event, round=state["round"], stream=REVIEWER)


async def publish(state: Team, runtime: Runtime[Lab]) -> None:
    """What was posted in this round becomes visible to everybody, in a fixed order."""
    lab = runtime.context
    for post in lab.board.posts():
        if not post.published:
            lab.record(Published(post.finding.id), round=state["round"])


async def next_round(state: Team, runtime: Runtime[Lab]) -> Round:
    """The next slice of research time begins, or the budget is spent and the round stays the last."""
    lab = runtime.context
    if state["round"] >= lab.rounds or stopped(lab) or halted(lab):
        return {"round": lab.rounds + 1}
    return {"round": _begin(lab, state["round"] + 1)}


def _begin(lab: Lab, round: int) -> int:
    lab.record(RoundBegan(lab.slice_end(round)), round=round)
    return round


async def _everybody(state: Team, runtime: Runtime[Lab]) -> list[Send]:
    return [Send("research", {"round": state["round"], "agent": name}) for name in runtime.context.desks]


async def _everybody_or_close(state: Team, runtime: Runtime[Lab]) -> list[Send] | str:
    return "close" if state["round"] > runtime.context.rounds else await _everybody(state, runtime)


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
