"""Furnishing the lab: a desk for each researcher, and the other roles that the structure has."""

from collections.abc import Mapping, Set

from aarlab.graph.briefing import starters, tools_for
from aarlab.graph.budget import Purse
from aarlab.graph.dials.dial import deciders, first_step
from aarlab.graph.dials.directions import direction_of
from aarlab.graph.hearing import hearing
from aarlab.graph.lab import OVERSEER, PLANNER, REVIEWER, Desk, Lab
from aarlab.graph.librarian import librarian_of
from aarlab.graph.payroll import Payroll
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure import Structure
from aarlab.memory.board import Board
from aarlab.memory.runfile import RunFile
from aarlab.scenarios.task import Progress
from aarlab.tools.bench import Bench
from aarlab.tools.evaluator import Scorer


def furnish(
    scenario: Scenario,
    file: RunFile,
    evaluator: Scorer,
    progress: Progress | None = None,
    purse: Purse | None = None,
) -> Lab:
    """Return the lab of a run that begins."""
    blueprint = scenario.structure.blueprint()
    files = starters()
    benches = {
        name: Bench(
            name, file, Board(file), evaluator, scenario.costs.model_dump(), scenario.budget.hours, files=dict(files)
        )
        for name in scenario.team.names
    }
    payroll = Payroll(scenario, progress, purse)
    desks = {
        name: Desk(
            bench=bench,
            model=payroll.hire(scenario.team.model_of(name), name),
            tools={},
            direction=direction_of(i) if blueprint.distinct_directions else None,
        )
        for i, (name, bench) in enumerate(benches.items())
    }
    hears = hearing(
        scenario.structure.topology, scenario.structure.topology_parameters, scenario.team.names, scenario.seed
    )
    return _arranged(scenario, file, evaluator, payroll, desks, hears, progress)


def refurnish(lab: Lab, scenario: Scenario, evaluator: Scorer) -> Lab:
    """Return the lab of a run that goes on otherwise where it was forked: the same researchers, arranged anew.

    What they know, have and have used up they keep. Those who met a limit rest on, unless the limits are others now.
    """
    before, payroll = lab.scenario, Payroll(scenario, lab.progress, books=lab.payroll.books)
    then, now = before.structure, scenario.structure
    directed, distinct = _directions(now) == _directions(then), now.blueprint().distinct_directions
    hears = lab.hears
    if (now.topology, now.topology_parameters) != (then.topology, then.topology_parameters):
        hears = hearing(now.topology, now.topology_parameters, scenario.team.names, scenario.seed)
    for i, (name, desk) in enumerate(lab.desks.items()):
        desk.model = payroll.hire(scenario.team.model_of(name), name)
        desk.spent = desk.spent and scenario.budget == before.budget
        desk.bench.costs, desk.bench.budget_hours = scenario.costs.model_dump(), scenario.budget.hours
        desk.bench.evaluator = evaluator
        if not directed:
            desk.direction = direction_of(i) if distinct else None
        if _work(now) != _work(then):
            # Stages and assignments of another workflow mean nothing here.
            desk.stage, desk.assigned, desk.repairs = "", False, 0
    arranged = _arranged(scenario, lab.file, evaluator, payroll, lab.desks, hears, lab.progress)
    arranged.planned = lab.planned and directed
    arranged.briefed_in = 1 + (lab.forked_after or 0)
    return arranged


def _arranged(
    scenario: Scenario,
    file: RunFile,
    evaluator: Scorer,
    payroll: Payroll,
    desks: dict[str, Desk],
    hears: Mapping[str, Set[str]] | None,
    progress: Progress | None,
) -> Lab:
    """Put the desks up as the structure wants them, and hire the other roles that it has."""
    structure, team, blueprint = scenario.structure, scenario.team, scenario.structure.blueprint()
    board, tools = Board(file, hears), tools_for(scenario)
    for name, desk in desks.items():
        desk.tools, desk.first = tools, first_step(blueprint)
        desk.window.compact_at = scenario.live.compacts_at(desk.model.name)
        desk.hears = None if hears is None else [other for other in team.names if other in hears[name]]
        bench = desk.bench
        bench.board = board
        bench.cap = scenario.scoring.cap if blueprint.evaluation == "capped" else None
        bench.deciders = deciders(blueprint)
        bench.librarian = None
        if structure.sharing == "query":
            bench.librarian = librarian_of(desk, payroll.hire(team.librarian, f"{name} librarian"))
    return Lab(
        scenario, blueprint, file, board, evaluator, hears,
        reviewer=payroll.hire(team.reviewer, REVIEWER) if "review" in blueprint.team_nodes else None,
        overseer=payroll.hire(team.overseer, OVERSEER) if structure.oversight != "none" else None,
        planner=payroll.hire(team.model_of(PLANNER), PLANNER) if structure.planned else None,
        desks=desks, payroll=payroll, progress=progress,
    )  # fmt: skip


def _directions(structure: Structure) -> tuple[object, ...]:
    """Return all that says where directions and ideas come from."""
    return structure.directions, structure.directions_by, structure.pool_ideas, structure.pool_critiques


def _work(structure: Structure) -> tuple[object, ...]:
    """Return all that says which nodes a researcher's graph has."""
    blueprint = structure.blueprint()
    return blueprint.workflow, blueprint.gated, blueprint.assigners
