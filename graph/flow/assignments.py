"""Assignments: the structure chooses the next idea of a researcher, from a pool or by evolution."""

from collections.abc import Mapping

from aarlab.agents.researcher import assignment_message as assignment_prompt
from aarlab.graph.flow.context import RunContext
from aarlab.graph.flow.researcher_nodes import NextStep, ResearcherState
from aarlab.memory.events import PlanItem, WorkAssigned
from aarlab.memory.messages import Json, user_message
from aarlab.memory.seeds import rng
from aarlab.scenarios.toolkit.method_analysis import operators_in
from aarlab.tools.session import AgentSession


async def assign(state: ResearcherState, run: RunContext) -> NextStep:
    """Give the researcher its next assignment, unless the last one is still open."""
    session = run.sessions[state["agent"]]
    if not session.assigned:
        session.n_assignments += 1
        event, details = _next_pool_idea(run, session) or _next_mutation(run, session)
        session.record(event)
        session.record_decision("parent", event.parent or event.idea or "nothing")
        details = {"assignment": event.number, "idea": event.idea, "text": event.text, **details}
        session.add_message(user_message(assignment_prompt(event.number, event.text, details)))
        session.assigned = True
    if run.resolved.workflow == "staged":
        session.stage = "plan"
        return {"next": "plan.think"}
    return {"next": "think"}


_AssignmentDetails = tuple[WorkAssigned, dict[str, Json]]


def _next_pool_idea(run: RunContext, session: AgentSession) -> _AssignmentDetails | None:
    """Return the researcher's next idea of the pool, None if evolution assigns instead.

    Researchers get the ideas in turn. After the last idea, evolution continues if the structure has it; otherwise the
    ideas are assigned again.
    """
    if "pool" not in run.resolved.assigners:
        return None
    if not run.pool:
        plans = list(run.file.entries(PlanItem))
        # A fork may have a new plan; the last one counts.
        run.pool = [e.event for e in plans if e.round == plans[-1].round]
    pool = run.pool
    index = list(run.sessions).index(session.agent) + (session.n_assignments - 1) * len(run.sessions)
    if index >= len(pool) and "evolution" in run.resolved.assigners:
        return None
    idea = pool[index % len(pool)]
    text = idea.text if index < len(pool) else f"Develop this idea further: {idea.text}"
    empty: dict[str, Json] = {"parent": None, "parent_code": None, "mutation": None}
    return WorkAssigned(session.n_assignments, text, idea.id, None, None), empty


def _next_mutation(run: RunContext, session: AgentSession) -> _AssignmentDetails:
    """Return a mutation of a good method.

    The archive holds the best result of each method family that the researcher can see (MAP-Elites, Mouret and Clune
    2015); parents are drawn uniformly from it. If the topology divides the team, each part has its own archive.
    """
    draw = rng(run.scenario.seed, session.agent, "selection", session.n_assignments)
    archive = sorted(post.finding.id for post in run.board.best_of_families(visible_to=session.agent).values())
    parent = archive[int(draw.integers(len(archive)))] if archive else None
    code = _code(run, parent)
    operators = operators_in(code) if code else ()
    catalogue = [entry["name"] for entry in run.scenario.task.catalogue()]
    mutation_kinds = ["tune", "insert", "remove", "replace", "cross"] if operators else ["insert"]
    if len(archive) < 2 and "cross" in mutation_kinds:
        mutation_kinds.remove("cross")
    if len(operators) < 2 and "remove" in mutation_kinds:
        mutation_kinds.remove("remove")
    mutation_kind = mutation_kinds[int(draw.integers(len(mutation_kinds)))]
    operator = str(operators[int(draw.integers(len(operators)))]) if operators else None
    new = str(catalogue[int(draw.integers(len(catalogue)))])
    others = [finding for finding in archive if finding != parent]
    partner = others[int(draw.integers(len(others)))] if mutation_kind == "cross" else None
    mutation: dict[str, Json] = {
        "kind": mutation_kind,
        "operator": {"insert": new, "cross": None}.get(mutation_kind, operator),
        "with": new if mutation_kind == "replace" else None,
        "partner": partner,
        "partner_code": _code(run, partner),
    }
    start = f"Take the method of {parent}" if parent else "Start from the weak labels, unchanged,"
    text = f"{start} and {_describe_mutation(mutation)}."
    event = WorkAssigned(session.n_assignments, text, None, parent, mutation_kind)
    return event, {"parent": parent, "parent_code": code, "mutation": mutation}


def _describe_mutation(mutation: Mapping[str, Json]) -> str:
    operator = mutation["operator"]
    return {
        "tune": f"change the settings of {operator}",
        "insert": f"insert {operator} at the best place",
        "remove": f"remove {operator}",
        "replace": f"replace {operator} by {mutation['with']}",
        "cross": f"append the last steps of {mutation['partner']} to its first steps",
    }[str(mutation["kind"])]


def _code(run: RunContext, finding: str | None) -> str | None:
    post = run.board.post(finding) if finding else None
    return run.file.text(post.finding.code) if post and post.finding.code else None
