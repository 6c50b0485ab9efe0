"""What those who are asked in passing (reviewer, librarian, overseer, planner) are told of who they are.

It does not stand in the run file: it is what this version of aarlab says, and may not be what another said. Where that
matters, the hash of a recorded request tells whether it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aarlab.agents import librarian, overseer, planner, reviewer
from aarlab.agents.models.base import Request
from aarlab.graph.legs import legs_of
from aarlab.graph.plan import planners_prompt
from aarlab.memory.events import Role
from aarlab.memory.messages import ToolSpec
from aarlab.memory.runfile import RunFile


@dataclass(frozen=True, slots=True)
class Offer:
    """Who somebody is, and the tools it answers with."""

    system: str
    tools: tuple[ToolSpec, ...]


def offers(file: RunFile) -> Mapping[Role, Sequence[Offer]]:
    """Return what each of them may have been told in a run."""
    return {
        "reviewer": _in(reviewer.ask_about_run("", {}, full_hours=0), reviewer.ask_about_finding("", {})),
        "librarian": _in(librarian.ask("", [])),
        "overseer": _in(overseer.ask_to_proceed({}, round=0, rounds=0), overseer.ask_to_release({}, round=0, rounds=0)),
        "planner": _planners(file),
    }


def _in(*requests: Request) -> list[Offer]:
    return [Offer(request.conversation.system, request.tools) for request in requests]


def _planners(file: RunFile) -> list[Offer]:
    """Return what the planner may have been told: its prompt describes the task and the team."""
    try:
        scenarios = [leg.scenario for leg in legs_of(file, asked=False)]
    except ValueError:
        return []  # Another version's scenario, or a redacted one.
    prompts = dict.fromkeys(planners_prompt(scenario) for scenario in scenarios)
    return [Offer(prompt, (tool,)) for prompt in prompts for tool in planner.TOOLS.values()]
