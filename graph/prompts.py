"""What the agents of a scenario are told, rendered without running it."""

import json
from collections.abc import Iterator

from aarlab.agents import librarian, overseer, planner, researcher, reviewer
from aarlab.agents.models.base import Request
from aarlab.graph import stages
from aarlab.graph.briefing import prompt_for, tools_for
from aarlab.graph.dials.directions import direction_of
from aarlab.graph.plan import count_of, planners_prompt
from aarlab.graph.scenario import Scenario
from aarlab.memory.messages import Json, ToolSpec

_CASE: dict[str, Json] = {"...": "<what it is shown of the case>"}


def rendered(scenario: Scenario) -> dict[str, str]:
    """Return every prompt that the structure has a use for, by its title; r1 stands for all researchers.

    What only a run can fill in stands in angle brackets.
    """
    return dict(_sections(scenario))


def _sections(scenario: Scenario) -> Iterator[tuple[str, str]]:
    structure = scenario.structure
    if structure.planned:
        what: planner.What = "ideas" if structure.directions == "pool" else "directions"
        request = planner.request_for(what, count_of(scenario))
        yield "planner", planners_prompt(scenario)
        yield f"planner: asked for {what}", f"{request}\n\n{_tools(planner.TOOLS[what])}"
    yield from _researcher(scenario)
    if structure.review != "none":
        yield "reviewer", reviewer.system_prompt()
        yield "reviewer: a finding", _asked(reviewer.ask_about_finding("r1", _CASE))
    if structure.review == "gate":
        yield "reviewer: a full run", _asked(reviewer.ask_about_run("r1", _CASE, full_hours=scenario.costs.full))
    if structure.sharing == "query":
        question = librarian.ask("<the question>", [_CASE])
        yield "librarian", question.conversation.system
        yield "librarian: a question", _asked(question)
    if structure.oversight != "none":
        ask = overseer.ask_to_release if structure.oversight == "gate" else overseer.ask_to_proceed
        case = ask(_CASE, round=1, rounds=scenario.rounds)
        yield "overseer", case.conversation.system
        yield "overseer: after a round", _asked(case)


def _researcher(scenario: Scenario) -> Iterator[tuple[str, str]]:
    blueprint, budget = scenario.structure.blueprint(), scenario.budget
    given = "<written by the planner>" if scenario.structure.directions_by == "model" else direction_of(0)
    yield "r1", prompt_for("r1", scenario, given if blueprint.distinct_directions else None)
    yield "r1: tools", _tools(*(tool.spec for tool in tools_for(scenario).values()))
    news = "<what others have published>" if blueprint.news else None
    yield (
        "r1: a round begins",
        researcher.round_opening(
            round=1, rounds=scenario.rounds, used=0.0, hours=budget.hours, until=budget.round_hours, news=news
        ),
    )
    if blueprint.assigners:
        yield "r1: an assignment", researcher.assignment(1, "<the idea>", _CASE)
    if blueprint.workflow == "staged":
        details = {"trouble": "", "outcome": "<what the lab ran>"}
        for name, (node, _) in stages.route(gated=blueprint.gated, assigned=bool(blueprint.assigners)).items():
            if isinstance(node, stages.Stage):
                told = researcher.stage_opening(name, **details)
                yield f"r1: the stage {name}", f"{told}\n\nTools: {', '.join(node.tools)}"


def _asked(request: Request) -> str:
    return f"{request.conversation.messages[-1].text}\n\n{_tools(*request.tools)}"


def _tools(*tools: ToolSpec) -> str:
    return "\n\n".join(f"{tool.name}: {tool.description}\n{json.dumps(dict(tool.schema))}" for tool in tools)
