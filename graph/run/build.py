"""The context of a run: built from a scenario, or rebuilt after a fork."""

from collections.abc import Mapping

from aarlab.graph.calls.budget import Ledger, SharedBudget
from aarlab.graph.calls.model_pool import ModelPool
from aarlab.graph.flow.context import ESCALATION, MONITOR, OVERSEER, REPLICATOR, REVIEWER, RunContext
from aarlab.graph.flow.librarian_answers import make_librarian
from aarlab.graph.flow.researcher_setup import goal_of, tools_for
from aarlab.graph.run.monitors.monitor_registry import affected, flagged, load_monitor, watch
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.dials.dial import deciders
from aarlab.graph.structure.dials.directions import direction_of
from aarlab.graph.structure.group_leads import LEAD
from aarlab.graph.structure.structure import Structure
from aarlab.memory.board import Board, Neighbours
from aarlab.memory.events import Flagged
from aarlab.memory.run_writer import RunWriter
from aarlab.scenarios.task import Progress
from aarlab.tools.evaluator.results import EvaluatorProtocol
from aarlab.tools.session import AgentSession


def build_run(
    scenario: Scenario,
    file: RunWriter,
    evaluator: EvaluatorProtocol,
    progress: Progress | None = None,
    shared_budget: SharedBudget | None = None,
) -> RunContext:
    """Return the context of a new run."""
    resolved, task = scenario.structure.resolved(), scenario.task
    model_pool = _model_pool(scenario, file, progress, shared_budget=shared_budget)
    board, costs, hours = Board(file), scenario.costs.model_dump(), scenario.budget.hours
    sessions = {
        name: AgentSession(
            name, file, board, evaluator, costs, hours,
            direction=direction_of(i, single_world=task.single_world) if resolved.distinct_directions else None,
            seconds_per_hour=scenario.budget.seconds_per_hour, score_name=task.score_name,
        )
        for i, name in enumerate(scenario.team.names)
    }  # fmt: skip
    neighbours = scenario.structure.neighbours_by_round(scenario.team.names, scenario.seed)
    senior = scenario.structure.senior(scenario.team.names, scenario.seed)
    places = {name: name for name in sessions}
    return _assemble(scenario, file, evaluator, model_pool, sessions, places, neighbours, senior, progress)


def rebuild_run(run: RunContext, scenario: Scenario, evaluator: EvaluatorProtocol) -> RunContext:
    """Return the context of a run after a fork, with the same agent sessions under a new scenario.

    Sessions keep their conversation, workspace and used budget. An exhausted session stays exhausted unless the budget
    changes.
    """
    model_pool = _model_pool(scenario, run.file, run.progress, ledger=run.model_pool.ledger)
    old, new = run.scenario.structure, scenario.structure
    same_directions = _direction_settings(new) == _direction_settings(old)
    distinct = new.resolved().distinct_directions
    neighbours = run.neighbours
    if _topology_settings(new) != _topology_settings(old):
        neighbours = new.neighbours_by_round(scenario.team.names, scenario.seed)
    senior = run.senior
    if new.authority != old.authority:
        senior = new.senior(list(run.sessions), scenario.seed)
    for i, session in enumerate(run.sessions.values()):
        session.exhausted = session.exhausted and scenario.budget == run.scenario.budget
        session.costs, session.budget_hours = scenario.costs.model_dump(), scenario.budget.hours
        session.seconds_per_hour = scenario.budget.seconds_per_hour
        session.evaluator = evaluator
        if not same_directions:
            session.direction = direction_of(i, single_world=scenario.task.single_world) if distinct else None
        if _researcher_graph_settings(new) != _researcher_graph_settings(old):
            # Stages and assignments belong to the old researcher graph.
            session.stage, session.assigned, session.repairs = "", False, 0
    rebuilt = _assemble(
        scenario, run.file, evaluator, model_pool, run.sessions, run.places, neighbours, senior, run.progress
    )
    rebuilt.planned = run.planned and same_directions
    rebuilt.setup_round = 1 + (run.forked_after or 0)
    return rebuilt


def _model_pool(
    scenario: Scenario,
    file: RunWriter,
    progress: Progress | None,
    *,
    shared_budget: SharedBudget | None = None,
    ledger: Ledger | None = None,
) -> ModelPool:
    return ModelPool(
        scenario.budget, scenario.live, seed=scenario.seed, temperament=scenario.team.temperament,
        progress=progress, shared_budget=shared_budget, ledger=ledger, folder=file.path.with_suffix(".agents"),
    )  # fmt: skip


def _assemble(
    scenario: Scenario,
    file: RunWriter,
    evaluator: EvaluatorProtocol,
    model_pool: ModelPool,
    sessions: dict[str, AgentSession],
    places: dict[str, str],
    neighbours: Mapping[int, Neighbours],
    senior: str | None,
    progress: Progress | None,
) -> RunContext:
    """Configure the sessions for the structure, and return the context with the models of all roles."""
    structure, team, resolved = scenario.structure, scenario.team, scenario.structure.resolved()
    board, full_experiment_cap = Board(file, neighbours, senior), scenario.scoring.full_experiment_cap
    model_names = {name: team.model_of(places[name]) for name in sessions}
    if "review" in resolved.team_nodes:
        model_names[REVIEWER] = team.reviewer
    if structure.has_overseer:
        model_names[OVERSEER] = team.overseer
    if scenario.escalates:
        model_names[ESCALATION] = team.escalation
    if scenario.monitor.model:
        model_names[MONITOR] = scenario.monitor.model
    if scenario.close.replicate:
        model_names[REPLICATOR] = scenario.replicator
    if structure.planned:
        model_names[LEAD] = team.model_of(LEAD)
    model_names |= dict.fromkeys(structure.groups_by_lead(team.names), team.model_of(LEAD))
    for name, session in sessions.items():
        session.board = board
        session.compact_at = scenario.live.compact_at_for(model_names[name])
        session.full_experiment_cap = full_experiment_cap if resolved.evaluation == "capped" else None
        session.deciders = deciders(resolved)
        session.librarian = None
        if structure.sharing == "query":
            session.librarian = make_librarian(
                session, model_pool.get(team.librarian, f"{name} librarian"), goal_of(scenario)
            )
    return RunContext(
        scenario, resolved, file, board, evaluator, neighbours, senior, places, sessions, tools_for(scenario),
        models={agent: model_pool.get(name, agent) for agent, name in model_names.items()},
        model_pool=model_pool, progress=progress, flags=lambda: _flags(scenario, file),
    )  # fmt: skip


def _flags(scenario: Scenario, file: RunWriter) -> list[Flagged]:
    """Return what the monitors flag in the record so far, without a response, in an order that replays repeat."""
    extra = [load_monitor(name) for name in scenario.monitor.packages]
    return sorted(
        (
            Flagged(one.monitor, one.agent, one.subject, one.suspicion, one.evidence, "kept", *affected(file, one))
            for one in flagged(watch(file, extra))
        ),
        key=lambda flag: (flag.agent, flag.monitor, flag.subject, -flag.suspicion, flag.evidence),
    )


def _direction_settings(structure: Structure) -> tuple[object, ...]:
    """Return the settings that determine directions and ideas."""
    return structure.directions, structure.directions_source, structure.pool_ideas, structure.pool_revisions


def _topology_settings(structure: Structure) -> tuple[object, ...]:
    """Return the settings that determine who sees whose findings."""
    return structure.topology, structure.topology_parameters, structure.topology_schedule


def _researcher_graph_settings(structure: Structure) -> tuple[object, ...]:
    """Return the settings that determine the researcher graph."""
    resolved = structure.resolved()
    return resolved.workflow, resolved.gated, resolved.assigners
