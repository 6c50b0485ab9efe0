"""What a researcher is told at the start, put together from the scenario and the structure."""

import json

from aarlab.agents.researcher import system_prompt
from aarlab.graph.lab import Desk, Lab
from aarlab.scenarios import registry, toolkit


def briefing(lab: Lab, desk: Desk) -> str:
    """Return a researcher's system prompt."""
    scenario = lab.scenario
    starters = [path for path in desk.bench.files if path.startswith("baselines/")]
    return system_prompt(
        name=desk.bench.agent,
        team_size=scenario.team.researchers,
        task=scenario.task.name,
        task_about=registry.task(scenario.task.name, scenario.task.knobs).about,
        structure=lab.blueprint.explained,
        direction=desk.direction,
        hours=scenario.budget.hours,
        round_hours=scenario.budget.round_hours,
        costs=scenario.costs.model_dump(),
        example=desk.bench.files["baselines/vanilla_soft.py"],
        starters=starters,
        catalogue=catalogue(),
    )


def catalogue() -> str:
    """Return the toolkit's operators as a JSON list, one a line."""
    return "[\n" + ",\n".join(json.dumps(entry) for entry in toolkit.catalogue()) + "\n]"
