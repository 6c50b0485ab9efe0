"""Setup of a researcher: system prompt and tools, from the scenario and the structure."""

import json
from collections.abc import Mapping

from aarlab.agents.researcher import Problem, system_prompt
from aarlab.agents.team_goal import TeamGoal
from aarlab.graph.flow.context import RunContext
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.dials import evaluation, opening
from aarlab.graph.structure.topology_schedule import neighbours_in
from aarlab.memory.events import AgentSetup
from aarlab.memory.messages import Conversation, canonical_json
from aarlab.tools.experiment_tool import EXPERIMENT_TOOL, experiment_tool
from aarlab.tools.session import AgentSession
from aarlab.tools.tool import Tool
from aarlab.tools.tool_registry import TOOLS, load_tool


def update_setup(run: RunContext, session: AgentSession) -> None:
    """Set a researcher's system prompt and record its setup, unless the setup has not changed.

    The messages of the conversation are kept.
    """
    previous, visible = session.setup, neighbours_in(run.neighbours, session.round)
    neighbours = None if visible is None else [name for name in run.sessions if name in visible[session.agent]]
    system = system_prompt_for(session.agent, run.scenario, session.direction)
    key = session.file.store_text(system)
    tools = session.file.store_text(canonical_json([tool.spec.to_json() for tool in run.tools.values()]))
    model = run.models[session.agent].name
    setup = AgentSetup("researcher", model, key, tools, session.direction, neighbours)
    if setup == previous:
        return
    session.conversation = Conversation.begin(system).then(*session.conversation.messages)
    session.record(setup)
    session.setup = setup
    if previous is None or previous.direction != setup.direction:
        session.record_decision("direction", session.direction or "free")


def system_prompt_for(agent: str, scenario: Scenario, direction: str | None) -> str:
    """Return the system prompt of a researcher; `direction` is None if it has none."""
    return system_prompt(
        name=agent,
        team_size=scenario.team.researchers,
        task=scenario.task.name,
        task_about=scenario.task.about,
        structure=_explanations(scenario),
        direction=direction,
        hours=scenario.budget.hours,
        round_hours=scenario.budget.round_hours,
        costs=scenario.costs.model_dump(),
        example=scenario.task.example(),
        catalogue=catalogue(scenario),
        problem=_problem(scenario),
        score_name=scenario.task.score_name,
    )


def _explanations(scenario: Scenario) -> list[str]:
    """Return the paragraphs about the structure, without those that do not apply to a task with a single world."""
    explanations = scenario.structure.resolved().explanations
    omitted = {*evaluation.EXPLANATIONS.values(), opening.EXPLANATION} if scenario.task.single_world else set()
    return [explanation for explanation in explanations if explanation not in omitted]


def tools_for(scenario: Scenario) -> Mapping[str, Tool]:
    """Return the tools of the researchers by name, in the order in which they see them."""
    resolved, cap = scenario.structure.resolved(), scenario.scoring.full_experiment_cap
    run_tool = experiment_tool(resolved.evaluation, full_experiment_cap=cap, single_world=scenario.task.single_world)
    tools = {**TOOLS, EXPERIMENT_TOOL.name: run_tool}
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
