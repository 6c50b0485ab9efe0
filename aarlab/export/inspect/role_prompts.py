"""System prompts and tools of all roles but the researchers.

The run file does not contain them. These are the prompts of this version of aarlab; another version may have sent
different prompts. To find out, compare the hash of a request that is built from them with the recorded hash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aarlab.agents import lead, librarian, overseer, replicator, reviewer, trajectory_monitor
from aarlab.agents.models.base import Request
from aarlab.agents.team_goal import SUPERVISION
from aarlab.graph.flow.lead_nodes import lead_system_prompt
from aarlab.graph.flow.researcher_setup import catalogue, goal_of
from aarlab.graph.run.segments import segments_of
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.group_leads import LEAD
from aarlab.memory.events import Role
from aarlab.memory.messages import ToolSpec
from aarlab.memory.run_reader import RunReader


@dataclass(frozen=True, slots=True)
class RolePrompt:
    """A system prompt and the tools that go with it."""

    system: str
    tools: tuple[ToolSpec, ...]


def role_prompts(file: RunReader) -> Mapping[Role, Sequence[RolePrompt]]:
    """Return the prompts that this version can send in a run, by role."""
    scenarios = _scenarios(file)
    goals = tuple(dict.fromkeys(map(goal_of, scenarios))) or (SUPERVISION,)
    full_runs = [reviewer.run_review_request("", {}, full_hours=0, goal=goal) for goal in goals]
    return {
        "reviewer": _prompts(*full_runs, *(reviewer.finding_review_request("", {}, goal) for goal in goals)),
        "librarian": _prompts(*(librarian.question_request("", [], goal) for goal in goals)),
        "overseer": _prompts(
            overseer.checkpoint_request({}, round=0, rounds=0),
            overseer.release_request({}, round=0, rounds=0),
            *(overseer.flag_request({}, escalates=escalates) for escalates in (False, True)),
            *(
                overseer.call_request({"researcher": "", "tool": ""}, escalates=escalates)
                for escalates in (False, True)
            ),
        ),
        "monitor": _prompts(trajectory_monitor.trajectory_request("", {})),
        "replicator": _prompts(
            *(replicator.replication_request("", catalogue(one), one.task.example(), goal_of(one)) for one in scenarios)
        ),
        "lead": _lead_prompts(scenarios),
    }


def _prompts(*requests: Request) -> list[RolePrompt]:
    return [RolePrompt(request.conversation.system, request.tools) for request in requests]


def _scenarios(file: RunReader) -> list[Scenario]:
    """Return the scenario of each segment; none if they are redacted or from another version."""
    try:
        return [segment.scenario for segment in segments_of(file, models_needed=False)]
    except ValueError:
        return []


def _lead_prompts(scenarios: Sequence[Scenario]) -> list[RolePrompt]:
    """Return the prompts of the leads, which describe the task and the team of each segment."""
    prompts = dict.fromkeys(
        lead_system_prompt(scenario, agent)
        for scenario in scenarios
        for agent in (LEAD, *scenario.structure.groups_by_lead(scenario.team.names))
    )
    return [RolePrompt(prompt, (tool,)) for prompt in prompts for tool in (*lead.TOOLS.values(), lead.ASSIGN)]
