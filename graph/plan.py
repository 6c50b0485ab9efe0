"""What the base model writes before the work begins: a pool of ideas, or a direction for each researcher."""

from langgraph.runtime import Runtime

from aarlab.agents import planner
from aarlab.agents.models.base import Request
from aarlab.graph.asking import ask
from aarlab.graph.briefing import catalogue
from aarlab.graph.lab import PLANNER, Lab
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import Plan, Told
from aarlab.memory.messages import Conversation, Message, ToolResult, user
from aarlab.scenarios import registry
from aarlab.scenarios.toolkit import FAMILIES

IDEAS_EACH = 4
"""Ideas in the pool for each researcher, where the scenario does not say how many."""


async def plan(state: object, runtime: Runtime[Lab]) -> None:
    """Ask the base model for what the structure wants in advance, unless it has been asked, and hand it to the lab."""
    lab, structure = runtime.context, runtime.context.scenario.structure
    if lab.planned:
        return
    count = count_of(lab.scenario)
    if structure.directions == "pool":
        written = await _written(lab, "ideas", count, critiques=structure.pool_critiques)
    else:
        written = await _written(lab, "directions", count, critiques=0)
    for number, (text, families) in enumerate(written, start=1):
        known = [family for family in families if family in FAMILIES]
        lab.record(Plan(f"p{number}", text, known), round=lab.briefed_in)
    lab.planned = True
    if structure.directions != "pool":
        for i, desk in enumerate(lab.desks.values()):
            desk.direction = written[i % len(written)][0]


def count_of(scenario: Scenario) -> int:
    """Return how many ideas, or directions, are asked for."""
    team, structure = scenario.team.researchers, scenario.structure
    return structure.pool_ideas or IDEAS_EACH * team if structure.directions == "pool" else team


def planners_prompt(scenario: Scenario) -> str:
    """Return the planner's system prompt."""
    return planner.system_prompt(
        team_size=scenario.team.researchers,
        task=scenario.task.name,
        task_about=registry.task(scenario.task.name, scenario.task.knobs).about,
        catalogue=catalogue(),
        families=", ".join(FAMILIES),
    )


async def _written(lab: Lab, what: planner.What, count: int, *, critiques: int) -> list[tuple[str, list[str]]]:
    assert lab.planner is not None, "a plan was compiled without a planner"
    conversation = Conversation.begin(planners_prompt(lab.scenario))
    asked: Message = user(planner.request_for(what, count))
    for critique in range(critiques + 1):
        conversation = conversation.then(asked)
        lab.record(Told("planner", lab.file.store_message(asked)), round=lab.briefed_in, stream=PLANNER)
        request = Request(conversation, (planner.TOOLS[what],))
        reply = await ask(lab.planner, request, "planner", lab.line(PLANNER, lab.briefed_in))
        written = planner.written(reply, what)
        conversation = conversation.then(reply.message)
        if critique < critiques:
            done = tuple(ToolResult(wish.id, "written", is_error=False) for wish in reply.message.tool_uses)
            again = user(planner.request_for(what, count, again=True))
            asked = Message("user", (*done, *again.blocks))
    return written
