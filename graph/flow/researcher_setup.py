"""Setup of a researcher: system prompt and tools, from the scenario and the structure."""

import json
from collections.abc import Mapping
from dataclasses import replace

from aarlab.agents.researcher import Problem, system_prompt
from aarlab.agents.team_goal import TeamGoal
from aarlab.graph.flow.context import RunContext
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.dials import authority, coordination, evaluation, opening
from aarlab.graph.structure.topology_schedule import neighbours_in
from aarlab.graph.structure.turnover import new_member_text
from aarlab.memory.events import AgentSetup
from aarlab.memory.messages import Conversation, canonical_json
from aarlab.tools.board_tools import HAND_OFF
from aarlab.tools.experiment_tool import EXPERIMENT_TOOL, experiment_tool
from aarlab.tools.session import AgentSession
from aarlab.tools.tool import Tool
from aarlab.tools.tool_registry import TOOLS, load_tool


def update_setup(run: RunContext, session: AgentSession) -> None:
    """Set a researcher's system prompt and record its setup, unless the setup has not changed.

    The messages of the conversation are kept.
    """
    previous, visible = session.setup, neighbours_in(run.neighbours, session.round)
    neighbours, place = None, run.places[session.agent]
    if visible is not None:
        places = {place, *visible[place]}
        authors = [name for name, its_place in run.places.items() if its_place in places]
        neighbours = [name for name in authors if name != session.agent]
    system = system_prompt_for(
        session.agent, run.scenario, session.direction, run.senior, place=place, first_round=session.first_round
    )
    key = session.file.store_text(system)
    tools = session.file.store_text(
        canonical_json([tool.spec.to_json() for tool in run.tools_of(session.agent).values()])
    )
    model = run.models[session.agent].name
    setup = AgentSetup("researcher", model, key, tools, session.direction, neighbours, run.senior)
    if setup == previous:
        return
    session.conversation = Conversation.begin(system).then(*session.conversation.messages)
    session.record(setup)
    session.setup = setup
    if previous is None or previous.direction != setup.direction:
        session.record_decision("direction", session.direction or "free")


def system_prompt_for(
    agent: str,
    scenario: Scenario,
    direction: str | None,
    senior: str | None,
    *,
    place: str | None = None,
    first_round: int = 1,
) -> str:
    """Return the system prompt of a researcher.

    Args:
        agent: Name of the researcher.
        scenario: The scenario.
        direction: Its direction; None: none.
        senior: The senior of the team; None: none.
        place: The researcher that had its place in the team first; None: itself.
        first_round: The round in which it joined the team.
    """
    explanations = _explanations(scenario)
    if scenario.team.turnover is not None:
        explanations.append(scenario.team.turnover.explanation)
    if first_round > 1:
        explanations.append(new_member_text(first_round))
    if senior is not None:
        explanations.append(authority.explanation(agent, senior))
    if scenario.structure.coordination == "specialists":
        explanations.append(coordination.specialty_explanation(place or agent, scenario.team.names))
    return system_prompt(
        name=agent,
        team_size=scenario.team.researchers,
        task=scenario.task.name,
        task_about=scenario.task.about,
        structure=explanations,
        direction=direction,
        side_task=scenario.team.side_task.get(place or agent),
        hours=scenario.budget.hours,
        round_hours=scenario.budget.round_hours,
        costs=_costs(scenario),
        seconds_per_hour=scenario.budget.seconds_per_hour,
        example=scenario.task.example(),
        catalogue=catalogue(scenario),
        problem=_problem(scenario),
        score_name=scenario.task.score_name,
    )


def _costs(scenario: Scenario) -> dict[str, float]:
    """Return the costs in a researcher's system prompt, without the cost of a task if no lead assigns tasks."""
    return scenario.costs.model_dump(exclude=set() if scenario.structure.has_lead else {"assign"})


def _explanations(scenario: Scenario) -> list[str]:
    """Return the paragraphs about the structure, without those that do not apply to a task with a single world."""
    score_name = scenario.task.score_name
    explanations = scenario.structure.resolved().explanations
    omitted = {*evaluation.EXPLANATIONS.values(), opening.EXPLANATION} if scenario.task.single_world else set()
    return [text.replace("PGR", score_name) for text in explanations if text not in omitted]


def tools_for(scenario: Scenario) -> Mapping[str, Tool]:
    """Return the tools of the researchers by name, in the order in which they see them."""
    resolved, cap = scenario.structure.resolved(), scenario.scoring.full_experiment_cap
    run_tool = experiment_tool(resolved.evaluation, full_experiment_cap=cap, single_world=scenario.task.single_world)
    run_tool = replace(run_tool, description=run_tool.description.replace("PGR", scenario.task.score_name))
    tools = {**TOOLS, EXPERIMENT_TOOL.name: run_tool}
    if resolved.has_specialists:
        tools[HAND_OFF.name] = HAND_OFF
    built_in = {name: tool for name, tool in tools.items() if name not in resolved.withheld_tools}
    return built_in | {name: load_tool(name) for name in scenario.team.tools}


def catalogue(scenario: Scenario) -> str:
    """Return the operators of the task as a JSON list, one per line."""
    return "[\n" + ",\n".join(json.dumps(entry) for entry in scenario.task.catalogue()) + "\n]"


def goal_of(scenario: Scenario) -> TeamGoal:
    """Return the goal of the team in words."""
    return TeamGoal.of(_problem(scenario), scenario.task.score_name)


def _problem(scenario: Scenario) -> Problem:
    return "search" if scenario.task.single_world else "supervision"
