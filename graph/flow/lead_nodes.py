"""The lead: it plans before round 1, and assigns tasks at the start of each round.

A plan is a pool of ideas, or a direction for each researcher.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from itertools import chain, islice, starmap
from typing import Any, cast

from aarlab.agents import lead
from aarlab.agents.models.base import ContextTooLong, Request
from aarlab.agents.researcher import task_message
from aarlab.graph.calls.budget import BudgetExhausted
from aarlab.graph.calls.call import CallContext, ask_role
from aarlab.graph.flow.context import RunContext
from aarlab.graph.flow.limits import LIMITS, limit_event
from aarlab.graph.flow.researcher_setup import catalogue, goal_of
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.group_leads import LEAD
from aarlab.memory.board import Post
from aarlab.memory.events import Event, PlanItem, TaskAssigned
from aarlab.memory.messages import Conversation, Json, Message, ToolResult, user_message
from aarlab.scenarios.toolkit import FAMILIES
from aarlab.tools.board_tools import listing_entry, senior_first
from aarlab.tools.session import AgentSession

IDEAS_PER_RESEARCHER = 4
"""Number of ideas in the pool per researcher if the scenario does not set `pool_ideas`."""
MAX_LISTED = 40
"""Maximum number of findings that the lead reads: those of the last round, then the best of the others."""


async def plan(state: object, run: RunContext) -> None:
    """Ask the lead for ideas or directions and record them, unless that was done before a fork."""
    structure = run.scenario.structure
    if run.planned:
        return
    count = planned_count(run.scenario)
    if structure.directions == "pool":
        planned_texts = await _request_plan(run, "ideas", count, critiques=structure.pool_revisions)
    else:
        planned_texts = await _request_plan(run, "directions", count, critiques=0)
    for number, (text, families) in enumerate(planned_texts, start=1):
        known = [family for family in families if family in FAMILIES]
        run.record(PlanItem(f"p{number}", text, known), round=run.setup_round)
    run.planned = True
    if structure.directions != "pool":
        for i, session in enumerate(run.sessions.values()):
            session.direction = planned_texts[i % len(planned_texts)][0]


def planned_count(scenario: Scenario) -> int:
    """Return the number of ideas or directions that the lead writes."""
    team, structure = scenario.team.researchers, scenario.structure
    return structure.pool_ideas or IDEAS_PER_RESEARCHER * team if structure.directions == "pool" else team


def lead_system_prompt(scenario: Scenario, agent: str = LEAD) -> str:
    """Return the system prompt of a lead: of the whole team, or of a group."""
    groups = scenario.structure.groups_by_lead(scenario.team.names)
    return lead.system_prompt(
        goal_of(scenario),
        team_size=scenario.team.researchers,
        group=lead.group_text(list(groups).index(agent) + 1, len(groups), len(groups[agent])) if agent != LEAD else "",
        task=scenario.task.name,
        task_about=scenario.task.about,
        catalogue=catalogue(scenario),
        families=", ".join(FAMILIES),
    )


async def _request_plan(
    run: RunContext, kind: lead.PlanKind, count: int, *, critiques: int
) -> list[tuple[str, list[str]]]:
    conversation = Conversation.begin(lead_system_prompt(run.scenario))
    prompt: Message = user_message(lead.plan_message(kind, count))
    for critique in range(critiques + 1):
        conversation = conversation.then(prompt)
        request = Request(conversation, (lead.TOOLS[kind],))
        reply = await ask_role(run.models[LEAD], request, "lead", run.call_context(LEAD, run.setup_round))
        planned_texts = lead.parse_plan(reply, kind)
        conversation = conversation.then(reply.message)
        if critique < critiques:
            acknowledged = tuple(
                ToolResult(tool_call.id, "written", is_error=False) for tool_call in reply.message.tool_calls
            )
            revision = user_message(lead.plan_message(kind, count, revision=True))
            prompt = Message("user", (*acknowledged, *revision.blocks))
    return planned_texts


async def assign_tasks(state: dict[str, Any], run: RunContext) -> dict[str, str]:
    """Ask all leads, at the same time, for a task for each of their researchers that has time left in the round.

    The error of one lead is raised when the others have their replies. A limit closes the run.
    """
    round, groups = state["round"], run.scenario.structure.groups_by_lead(list(run.sessions))

    async def assign(agent: str, group: Sequence[str]) -> None:
        sessions = [run.sessions[name] for name in group]
        working = [s for s in sessions if not s.exhausted and s.has_time(run.slice_end(round))]
        if working:
            await _assign_in_group(run, agent, working, _visible_to_lead(run, group), round)

    outcomes = await asyncio.gather(*starmap(assign, groups.items()), return_exceptions=True)
    errors = {agent: error for agent, error in zip(groups, outcomes, strict=True) if error is not None}
    for error in errors.values():
        if not isinstance(error, LIMITS):
            raise error
    for agent, limit in errors.items():
        _record(run, agent, limit_event(run, cast(BudgetExhausted | ContextTooLong, limit), agent), round)
    return {"next": "close" if errors else "research"}


async def _assign_in_group(
    run: RunContext, agent: str, working: Sequence[AgentSession], visible: Mapping[str, Post], round: int
) -> None:
    """Ask a lead for the tasks of its researchers, and assign them."""
    context = CallContext(run.file, agent, round, lambda event: _record(run, agent, event, round))
    board = _board(run, working, visible, round - 1)
    names = [session.agent for session in working]
    prompt = user_message(lead.tasks_message(board, names, round=round, rounds=run.rounds))
    request = Request(Conversation.begin(lead_system_prompt(run.scenario, agent)).then(prompt), (lead.ASSIGN,))
    tasks = lead.parse_tasks(await ask_role(run.models[agent], request, "lead", context))
    for session in working:
        if (task := tasks.get(session.agent)) is not None:
            session.round = round
            _assign(session, task, _named_posts(task, visible))


def _record(run: RunContext, agent: str, event: Event, round: int) -> None:
    """Append an event to a lead's stream at the start of a round's slice."""
    run.file.append(agent, event, round=round, hours=run.slice_end(round - 1))


def _visible_to_lead(run: RunContext, group: Sequence[str]) -> dict[str, Post]:
    """Return the posts that a lead sees, by id: all, or those that reach its group; under a gate only released ones."""
    gated = "release" in run.resolved.team_nodes
    posts = run.board.posts() if run.scenario.structure.leads == "one" else run.board.posts_reaching(group)
    return {post.finding.id: post for post in posts if post.published or not gated}


def _board(
    run: RunContext, working: Sequence[AgentSession], visible: Mapping[str, Post], last_round: int
) -> dict[str, Json]:
    """Return what the lead reads: the researchers with their last tasks, and the findings."""
    tasks = {entry.stream: entry.event for entry in run.file.entries(TaskAssigned)}
    researchers = [
        {
            "researcher": session.agent,
            "direction": session.direction,
            "hours_left": round(session.budget_hours - session.hours, 2),
            "last_task": tasks[session.agent].text if session.agent in tasks else None,
        }
        for session in working
    ]
    new = [post for post in run.board.of_round(last_round) if post.finding.id in visible]
    others = (post for post in run.board.leaderboard() if post.finding.id in visible and post.round != last_round)
    listed = senior_first(islice(chain(new, others), MAX_LISTED))
    codes = [None if post.finding.code is None else run.file.text(post.finding.code) for post in listed]
    findings = [
        {**listing_entry(post), "body": post.finding.body, "method": code}
        for post, code in zip(listed, codes, strict=True)
    ]
    return {"researchers": researchers, "findings": findings}


def _named_posts(task: lead.Task, visible: Mapping[str, Post]) -> list[Post]:
    """Return the posts that a task names, the one to build on first; the text can name any that the lead sees."""
    words = re.findall(r"\w+(?:\.\w+)*", task.text)
    return [visible[name] for name in dict.fromkeys([task.finding or "", *words]) if name in visible]


def _assign(session: AgentSession, task: lead.Task, named: Sequence[Post]) -> None:
    """Record a task, charge its hours, and keep the message for the start of the slice."""
    session.n_assignments += 1
    # The researcher waits for its task; there may be less time left.
    cost = session.hours_of("assign")
    hours = session.spend(min(cost, max(0.0, session.budget_hours - session.hours)))
    session.record(TaskAssigned(session.n_assignments, task.text, [post.finding.id for post in named], hours))
    session.record_decision("idea", task.text, decided_by="lead")
    details = {
        "task": session.n_assignments,
        "text": task.text,
        "findings": [listing_entry(post) for post in named],
    }
    session.task = user_message(task_message(session.n_assignments, details))
