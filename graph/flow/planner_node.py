"""Planning: before round 1 a base model writes a pool of ideas, or a direction for each researcher."""

from langgraph.runtime import Runtime

from aarlab.agents import planner
from aarlab.agents.models.base import Request
from aarlab.graph.calls.call import ask
from aarlab.graph.flow.context import PLANNER, RunContext
from aarlab.graph.flow.researcher_setup import catalogue, goal_of
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import PlanItem, Prompted
from aarlab.memory.messages import Conversation, Message, ToolResult, user_message
from aarlab.scenarios.toolkit import FAMILIES

IDEAS_PER_RESEARCHER = 4
"""Number of ideas in the pool per researcher if the scenario does not set `pool_ideas`."""


async def plan(state: object, runtime: Runtime[RunContext]) -> None:
    """Ask the planner for ideas or directions and record them, unless that was done before a fork."""
    run, structure = runtime.context, runtime.context.scenario.structure
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
    """Return the number of ideas or directions that the planner writes."""
    team, structure = scenario.team.researchers, scenario.structure
    return structure.pool_ideas or IDEAS_PER_RESEARCHER * team if structure.directions == "pool" else team


def planner_system_prompt(scenario: Scenario) -> str:
    """Return the planner's system prompt."""
    return planner.system_prompt(
        goal_of(scenario),
        team_size=scenario.team.researchers,
        task=scenario.task.name,
        task_about=scenario.task.about,
        catalogue=catalogue(scenario),
        families=", ".join(FAMILIES),
    )


async def _request_plan(
    run: RunContext, kind: planner.PlanKind, count: int, *, critiques: int
) -> list[tuple[str, list[str]]]:
    conversation = Conversation.begin(planner_system_prompt(run.scenario))
    prompt: Message = user_message(planner.plan_message(kind, count))
    for critique in range(critiques + 1):
        conversation = conversation.then(prompt)
        run.record(Prompted("planner", run.file.store_message(prompt)), round=run.setup_round, stream=PLANNER)
        request = Request(conversation, (planner.TOOLS[kind],))
        reply = await ask(run.models[PLANNER], request, "planner", run.call_context(PLANNER, run.setup_round))
        planned_texts = planner.parse_plan(reply, kind)
        conversation = conversation.then(reply.message)
        if critique < critiques:
            acknowledged = tuple(
                ToolResult(tool_call.id, "written", is_error=False) for tool_call in reply.message.tool_calls
            )
            revision = user_message(planner.plan_message(kind, count, revision=True))
            prompt = Message("user", (*acknowledged, *revision.blocks))
    return planned_texts
