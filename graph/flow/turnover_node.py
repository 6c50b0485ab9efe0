"""The node `replace_members`: before some rounds new researchers take the places of others."""

from collections.abc import Mapping
from typing import Any

from aarlab.graph.flow.context import RunContext
from aarlab.graph.flow.librarian_answers import make_librarian
from aarlab.graph.flow.researcher_setup import goal_of, update_setup
from aarlab.graph.structure.dials.dial import ResolvedStructure
from aarlab.memory.events import ResearcherReplaced
from aarlab.tools.session import AgentSession


def work_entry(resolved: ResolvedStructure) -> str:
    """Return the node with which the work of a round starts."""
    return "assign_tasks" if resolved.has_lead else "research"


async def replace_members(state: Mapping[str, Any], run: RunContext) -> dict[str, str]:
    """Replace the researchers that leave before this round, if it is one of those."""
    round, turnover = state["round"], run.scenario.team.turnover
    if turnover is not None and turnover.is_due(round):
        for former in turnover.leaving(list(run.sessions), run.senior, run.scenario.seed, round):
            _replace(run, run.sessions[former], round)
        for session in run.sessions.values():
            session.round = round
            update_setup(run, session)
    return {"next": work_entry(run.resolved)}


def _replace(run: RunContext, former: AgentSession, round: int) -> None:
    """Give the place of a researcher, with its direction and its remaining hours, to a new one without memory."""
    name, place = f"r{len(run.places) + 1}", run.places[former.agent]
    new = AgentSession(
        name, former.file, former.board, former.evaluator, former.costs, former.budget_hours,
        score_name=former.score_name,
        hours=max(former.hours, run.slice_end(round - 1)),
        round=round,
        first_round=round,
        full_experiment_cap=former.full_experiment_cap,
        deciders=former.deciders,
        compact_at=former.compact_at,
        direction=former.direction,
        n_assignments=former.n_assignments,  # The pool continues with the next idea.
    )  # fmt: skip
    run.places[name] = place
    run.models[name] = run.model_pool.get(run.scenario.team.model_of(place), name)
    if former.librarian is not None:
        librarian = run.model_pool.get(run.scenario.team.librarian, f"{name} librarian")
        new.librarian = make_librarian(new, librarian, goal_of(run.scenario))
    # The new researcher is at the same position in the order of the team.
    run.sessions = {s.agent: s for s in (new if s is former else s for s in run.sessions.values())}
    new.record(ResearcherReplaced(former.agent, place))
