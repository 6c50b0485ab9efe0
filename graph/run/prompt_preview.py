"""The prompts of a scenario's agents, rendered without a run."""

import json
from collections.abc import Iterator

from aarlab.agents import librarian, overseer, planner, researcher, reviewer
from aarlab.agents.models.base import Request
from aarlab.graph.flow.planner_node import planned_count, planner_system_prompt
from aarlab.graph.flow.researcher_setup import goal_of, system_prompt_for, tools_for
from aarlab.graph.flow.stages import STAGES
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.dials.directions import direction_of
from aarlab.memory.messages import Json, ToolSpec

_CASE: dict[str, Json] = {"...": "<data of the case>"}


def render_prompts(scenario: Scenario) -> dict[str, str]:
    """Return every prompt that the structure uses, by title; r1 represents all researchers.

    Text in angle brackets is known only during a run.
    """
    return dict(_sections(scenario))


def _sections(scenario: Scenario) -> Iterator[tuple[str, str]]:
    structure, goal = scenario.structure, goal_of(scenario)
    if structure.planned:
        kind: planner.PlanKind = "ideas" if structure.directions == "pool" else "directions"
        request = planner.plan_message(kind, planned_count(scenario))
        yield "planner", planner_system_prompt(scenario)
        yield f"planner: asked for {kind}", f"{request}\n\n{_tools(planner.TOOLS[kind])}"
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
    if structure.oversight != "none":
        ask = overseer.release_request if structure.oversight == "gate" else overseer.checkpoint_request
        case = ask(_CASE, round=1, rounds=scenario.rounds)
        yield "overseer", case.conversation.system
        yield "overseer: after a round", _render_request(case)


def _researcher(scenario: Scenario) -> Iterator[tuple[str, str]]:
    resolved, budget = scenario.structure.resolved(), scenario.budget
    planned = scenario.structure.directions_source == "model"
    direction = "<written by the planner>" if planned else direction_of(0, single_world=scenario.task.single_world)
    yield "r1", system_prompt_for("r1", scenario, direction if resolved.distinct_directions else None)
    yield "r1: tools", _tools(*(tool.spec for tool in tools_for(scenario).values()))
    opens = resolved.opening != "none"
    listed = "<known methods, best first>" if opens else "<findings of other researchers>"
    new_findings = listed if resolved.new_findings or opens else None
    round_message = researcher.round_message(
        round=1, rounds=scenario.rounds, used=0.0, hours=budget.hours, until=budget.round_hours,
        new_findings=new_findings,
    )  # fmt: skip
    yield "r1: a round begins", round_message
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
