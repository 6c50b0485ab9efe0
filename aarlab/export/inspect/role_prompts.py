"""What those who are asked in passing (reviewer, librarian, overseer, planner) are told of who they are.

It does not stand in the run file: it is what this version of aarlab says, and may not be what another said. Where that
matters, the hash of a recorded request tells whether it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aarlab.agents import librarian, overseer, planner, reviewer
from aarlab.agents.models.base import Request
from aarlab.graph.flow.planner_node import planner_system_prompt
from aarlab.graph.run.segments import segments_of
from aarlab.memory.events import Role
from aarlab.memory.messages import ToolSpec
from aarlab.memory.run_reader import RunReader


@dataclass(frozen=True, slots=True)
class RolePrompt:
    """Who somebody is, and the tools it answers with."""

    system: str
    tools: tuple[ToolSpec, ...]


def role_prompts(file: RunReader) -> Mapping[Role, Sequence[RolePrompt]]:
    """Return what each of them may have been told in a run."""
    return {
        "reviewer": _in(reviewer.run_review_request("", {}, full_hours=0), reviewer.finding_review_request("", {})),
        "librarian": _in(librarian.question_request("", [])),
        "overseer": _in(
            overseer.checkpoint_request({}, round=0, rounds=0), overseer.release_request({}, round=0, rounds=0)
        ),
        "planner": _planners(file),
    }


def _in(*requests: Request) -> list[RolePrompt]:
    return [RolePrompt(request.conversation.system, request.tools) for request in requests]


def _planners(file: RunReader) -> list[RolePrompt]:
    """Return what the planner may have been told: its prompt describes the task and the team."""
    try:
        scenarios = [segment.scenario for segment in segments_of(file, models_needed=False)]
    except ValueError:
        return []  # Another version's scenario, or a redacted one.
    prompts = dict.fromkeys(planner_system_prompt(scenario) for scenario in scenarios)
    return [RolePrompt(prompt, (tool,)) for prompt in prompts for tool in planner.TOOLS.values()]
