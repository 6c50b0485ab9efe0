"""Furnishing the lab: a desk for each researcher, and the other roles that the structure has."""

from collections.abc import Mapping, Set

from aarlab.graph.calls.budget import SharedBudget
from aarlab.graph.calls.model_pool import ModelPool
from aarlab.graph.flow.context import OVERSEER, PLANNER, REVIEWER, AgentSession, RunContext
from aarlab.graph.flow.librarian_answers import make_librarian
from aarlab.graph.flow.researcher_setup import starters, tools_for
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.dials.dial import deciders, first_node
from aarlab.graph.structure.dials.directions import direction_of
from aarlab.graph.structure.structure import Structure
from aarlab.graph.structure.topologies import neighbours_of
from aarlab.memory.board import Board
from aarlab.memory.run_writer import RunWriter
from aarlab.scenarios.task import Progress
from aarlab.tools.evaluator.run_evaluator import EvaluatorProtocol
from aarlab.tools.session import ToolSession


def build_run(
    scenario: Scenario,
    file: RunWriter,
    evaluator: EvaluatorProtocol,
    progress: Progress | None = None,
    shared_budget: SharedBudget | None = None,
) -> RunContext:
    """Return the lab of a run that begins."""
    resolved = scenario.structure.resolved()
    files = starters()
    tool_sessions = {
        name: ToolSession(
            name, file, Board(file), evaluator, scenario.costs.model_dump(), scenario.budget.hours, files=dict(files)
        )
        for name in scenario.team.names
    }
    model_pool = ModelPool(scenario, progress, shared_budget)
    sessions = {
        name: AgentSession(
            tool_session=tool_session,
            model=model_pool.get(scenario.team.model_of(name), name),
            tools={},
            direction=direction_of(i) if resolved.distinct_directions else None,
        )
        for i, (name, tool_session) in enumerate(tool_sessions.items())
    }
    neighbours = neighbours_of(
        scenario.structure.topology, scenario.structure.topology_parameters, scenario.team.names, scenario.seed
    )
    return _assemble(scenario, file, evaluator, model_pool, sessions, neighbours, progress)


def rebuild_run(run: RunContext, scenario: Scenario, evaluator: EvaluatorProtocol) -> RunContext:
    """Return the lab of a run that goes on otherwise where it was forked: the same researchers, arranged anew.

    What they know, have and have used up they keep. Those who met a limit rest on, unless the limits are others now.
    """
    before, model_pool = run.scenario, ModelPool(scenario, run.progress, ledger=run.model_pool.ledger)
    then, now = before.structure, scenario.structure
    directed, distinct = _directions(now) == _directions(then), now.resolved().distinct_directions
    neighbours = run.neighbours
    if (now.topology, now.topology_parameters) != (then.topology, then.topology_parameters):
        neighbours = neighbours_of(now.topology, now.topology_parameters, scenario.team.names, scenario.seed)
    for i, (name, session) in enumerate(run.sessions.items()):
        session.model = model_pool.get(scenario.team.model_of(name), name)
        session.exhausted = session.exhausted and scenario.budget == before.budget
        session.tool_session.costs, session.tool_session.budget_hours = (
            scenario.costs.model_dump(),
            scenario.budget.hours,
        )
        session.tool_session.evaluator = evaluator
        if not directed:
            session.direction = direction_of(i) if distinct else None
        if _work(now) != _work(then):
            # Stages and assignments of another workflow mean nothing here.
            session.stage, session.assigned, session.repairs = "", False, 0
    arranged = _assemble(scenario, run.file, evaluator, model_pool, run.sessions, neighbours, run.progress)
    arranged.planned = run.planned and directed
    arranged.setup_round = 1 + (run.forked_after or 0)
    return arranged


def _assemble(
    scenario: Scenario,
    file: RunWriter,
    evaluator: EvaluatorProtocol,
    model_pool: ModelPool,
    sessions: dict[str, AgentSession],
    neighbours: Mapping[str, Set[str]] | None,
    progress: Progress | None,
) -> RunContext:
    """Put the desks up as the structure wants them, and hire the other roles that it has."""
    structure, team, resolved = scenario.structure, scenario.team, scenario.structure.resolved()
    board, tools = Board(file, neighbours), tools_for(scenario)
    for name, session in sessions.items():
        session.tools, session.first_node = tools, first_node(resolved)
        session.window.compact_at = scenario.live.compact_at_for(session.model.name)
        session.neighbours = (
            None if neighbours is None else [other for other in team.names if other in neighbours[name]]
        )
        tool_session = session.tool_session
        tool_session.board = board
        tool_session.full_experiment_cap = (
            scenario.scoring.full_experiment_cap if resolved.evaluation == "capped" else None
        )
        tool_session.deciders = deciders(resolved)
        tool_session.librarian = None
        if structure.sharing == "query":
            tool_session.librarian = make_librarian(session, model_pool.get(team.librarian, f"{name} librarian"))
    return RunContext(
        scenario, resolved, file, board, evaluator, neighbours,
        reviewer=model_pool.get(team.reviewer, REVIEWER) if "review" in resolved.team_nodes else None,
        overseer=model_pool.get(team.overseer, OVERSEER) if structure.oversight != "none" else None,
        planner=model_pool.get(team.model_of(PLANNER), PLANNER) if structure.planned else None,
        sessions=sessions, model_pool=model_pool, progress=progress,
    )  # fmt: skip


def _directions(structure: Structure) -> tuple[object, ...]:
    """Return all that says where directions and ideas come from."""
    return structure.directions, structure.directions_source, structure.pool_ideas, structure.pool_revisions


def _work(structure: Structure) -> tuple[object, ...]:
    """Return all that says which nodes a researcher's graph has."""
    resolved = structure.resolved()
    return resolved.workflow, resolved.gated, resolved.assigners
