"""The prompts of a scenario's agents, rendered without a run."""

import json
from collections.abc import Iterator

from aarlab.agents import lead, librarian, overseer, researcher, reviewer
from aarlab.agents.models.base import Request
from aarlab.agents.replicator import replication_request
from aarlab.agents.trajectory_monitor import trajectory_request
from aarlab.graph.flow.lead_nodes import lead_system_prompt, planned_count
from aarlab.graph.flow.researcher_setup import catalogue, goal_of, system_prompt_for, tools_for
from aarlab.graph.flow.stages import STAGES
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.dials import coordination
from aarlab.graph.structure.dials.directions import direction_of
from aarlab.graph.structure.group_leads import LEAD
from aarlab.graph.structure.turnover import new_member_text
from aarlab.memory.messages import Json, ToolSpec

_CASE: dict[str, Json] = {"...": "<data of the case>"}


def render_prompts(scenario: Scenario) -> dict[str, str]:
    """Return every prompt that the structure uses, by title; r1 represents all researchers, lead1 all leads of groups.

    Text in angle brackets is known only during a run.
    """
    return dict(_sections(scenario))


def _sections(scenario: Scenario) -> Iterator[tuple[str, str]]:
    structure, goal = scenario.structure, goal_of(scenario)
    if structure.planned:
        kind: lead.PlanKind = "ideas" if structure.directions == "pool" else "directions"
        request = lead.plan_message(kind, planned_count(scenario))
        yield "lead", lead_system_prompt(scenario)
        yield f"lead: asked for {kind}", f"{request}\n\n{_tools(lead.TOOLS[kind])}"
    groups = structure.groups_by_lead(scenario.team.names)
    for agent, group in list(groups.items())[:1]:
        if not structure.planned or agent != LEAD:
            yield agent, lead_system_prompt(scenario, agent)
        request = lead.tasks_message(_CASE, group, round=1, rounds=scenario.rounds)
        yield f"{agent}: asked for tasks", f"{request}\n\n{_tools(lead.ASSIGN)}"
    yield from _researcher(scenario)
    if structure.review != "none":
        yield "reviewer", reviewer.system_prompt(goal)
        yield "reviewer: a finding", _render_request(reviewer.finding_review_request("r1", _CASE, goal))
    if structure.review == "gate":
        review = reviewer.run_review_request("r1", _CASE, full_hours=scenario.costs.full, goal=goal)
        yield "reviewer: a full run", _render_request(review)
    if structure.sharing == "query":
        question = librarian.question_request("<the question>", [_CASE], goal)
        yield "librarian", question.conversation.system
        yield "librarian: a question", _render_request(question)
    if scenario.monitor.model:
        trajectory = trajectory_request("r1", _CASE)
        yield "monitor", trajectory.conversation.system
        yield "monitor: at the close", _render_request(trajectory)
    if scenario.close.replicate:
        replication = replication_request("<text of the finding>", catalogue(scenario), scenario.task.example(), goal)
        yield "replicator", replication.conversation.system
        yield "replicator: at the close", _render_request(replication)
    if structure.has_overseer:
        yield "overseer", overseer.flag_request(_CASE).conversation.system
    if structure.approve_tools:
        calls = {"researcher": "r1", "tool": structure.approve_tools[0], **_CASE}
        yield "overseer: a tool call", _render_request(overseer.call_request(calls, escalates=scenario.escalates))
    if structure.response == "ask":
        yield "overseer: a flag", _render_request(overseer.flag_request(_CASE, escalates=scenario.escalates))
    if structure.oversight != "none":
        ask = overseer.release_request if structure.oversight == "gate" else overseer.checkpoint_request
        yield "overseer: after a round", _render_request(ask(_CASE, round=1, rounds=scenario.rounds))


def _researcher(scenario: Scenario) -> Iterator[tuple[str, str]]:
    resolved, budget = scenario.structure.resolved(), scenario.budget
    planned = scenario.structure.directions_source == "model"
    direction = "<written by the lead>" if planned else direction_of(0, single_world=scenario.task.single_world)
    senior = scenario.structure.senior(scenario.team.names, scenario.seed)
    names, tools = scenario.team.names, tools_for(scenario)
    for name in names[: len(coordination.SPECIALTIES)] if resolved.has_specialists else names[:1]:
        withheld = coordination.withheld_of(name, names) if resolved.has_specialists else set()
        own_direction = direction if resolved.distinct_directions else None
        yield name, system_prompt_for(name, scenario, own_direction, senior)
        yield f"{name}: tools", _tools(*(tool.spec for key, tool in tools.items() if key not in withheld))
    if (turnover := scenario.team.turnover) is not None:
        yield "a new researcher: paragraph of its system prompt", new_member_text(turnover.every_rounds + 1)
    opens = resolved.opening != "none"
    listed = "<known methods, best first>" if opens else "<findings of other researchers>"
    new_findings = listed if resolved.new_findings or opens else None
    round_message = researcher.round_message(
        round=1, rounds=scenario.rounds, used=0.0, hours=budget.hours, until=budget.round_hours,
        new_findings=new_findings,
    )  # fmt: skip
    yield "r1: a round begins", round_message
    if resolved.has_lead:
        yield "r1: a task", researcher.task_message(1, _CASE)
    if resolved.assigners:
        yield "r1: an assignment", researcher.assignment_message(1, "<the idea>", _CASE)
    if resolved.workflow == "staged":
        details = {"failure": "", "result": "<result of the experiment>"}
        for name, stage in STAGES.items():
            if name != "propose" or not resolved.assigners:
                stage_text = researcher.stage_message(name, **details)
                yield f"r1: the stage {name}", f"{stage_text}\n\nTools: {', '.join(stage.tools)}"


def _render_request(request: Request) -> str:
    return f"{request.conversation.messages[-1].text}\n\n{_tools(*request.tools)}"


def _tools(*tools: ToolSpec) -> str:
    return "\n\n".join(f"{tool.name}: {tool.description}\n{json.dumps(dict(tool.schema))}" for tool in tools)
