"""Assignments: what researchers are told to try next, where the structure takes that choice from them."""

from collections.abc import Mapping

from langgraph.runtime import Runtime

from aarlab.agents.researcher import assignment as words_of
from aarlab.graph.lab import Desk, Lab
from aarlab.graph.turn import Slice, Step
from aarlab.memory.events import Assignment, Plan
from aarlab.memory.messages import Json, user
from aarlab.memory.seeds import rng
from aarlab.scenarios import toolkit
from aarlab.scenarios.toolkit.anatomy import operators_in


async def assign(state: Slice, runtime: Runtime[Lab]) -> Step:
    """Give the researcher its next assignment, unless the last is still open."""
    lab = runtime.context
    desk = lab.desks[state["agent"]]
    if not desk.assigned:
        desk.assignments += 1
        event, details = _from_pool(lab, desk) or _evolved(lab, desk)
        desk.bench.record(event)
        desk.bench.decided("parent", event.parent or event.idea or "nothing")
        details = {"assignment": event.number, "idea": event.idea, "text": event.text, **details}
        desk.tell(user(words_of(event.number, event.text, details)))
        desk.assigned = True
    if lab.blueprint.workflow == "staged":
        desk.stage = "plan"
        return {"next": "plan"}
    return {"next": "think"}


_Given = tuple[Assignment, dict[str, Json]]


def _from_pool(lab: Lab, desk: Desk) -> _Given | None:
    """Return the researcher's next idea of the pool; ideas are dealt in turn.

    Once the pool has run out, evolution takes over where the structure has it; else the ideas come round again.
    """
    if "pool" not in lab.blueprint.assigners:
        return None
    plans = list(lab.file.entries(Plan))
    # A run that was forked may have been planned anew.
    pool = [e.event for e in plans if isinstance(e.event, Plan) and e.round == plans[-1].round]
    place = list(lab.desks).index(desk.bench.agent) + (desk.assignments - 1) * len(lab.desks)
    if place >= len(pool) and "evolution" in lab.blueprint.assigners:
        return None
    idea = pool[place % len(pool)]
    text = idea.text if place < len(pool) else f"Take this idea further: {idea.text}"
    empty: dict[str, Json] = {"parent": None, "parent_code": None, "mutation": None}
    return Assignment(desk.assignments, text, idea.id, None, None), empty


def _evolved(lab: Lab, desk: Desk) -> _Given:
    """Return a change to a method that has done well.

    The archive holds the best result of each method family that the researcher can see (MAP-Elites, Mouret and Clune
    2015); parents are drawn evenly from it. Where a topology divides the team, each part has an archive of its own.
    """
    draw = rng(lab.scenario.seed, desk.bench.agent, "selection", desk.assignments)
    elites: dict[str, str] = {}
    for post in lab.board.leaderboard(seen_by=desk.bench.agent):
        if post.finding.pgr is not None:
            elites.setdefault(post.finding.family, post.finding.id)
    archive = sorted(elites.values())
    parent = archive[int(draw.integers(len(archive)))] if archive else None
    code = _code(lab, parent)
    operators = operators_in(code) if code else ()
    catalogue = [entry["name"] for entry in toolkit.catalogue()]
    kinds = ["tune", "insert", "remove", "replace", "cross"] if operators else ["insert"]
    if len(archive) < 2 and "cross" in kinds:
        kinds.remove("cross")
    if len(operators) < 2 and "remove" in kinds:
        kinds.remove("remove")
    kind = kinds[int(draw.integers(len(kinds)))]
    operator = str(operators[int(draw.integers(len(operators)))]) if operators else None
    new = str(catalogue[int(draw.integers(len(catalogue)))])
    others = [finding for finding in archive if finding != parent]
    partner = others[int(draw.integers(len(others)))] if kind == "cross" else None
    mutation: dict[str, Json] = {
        "kind": kind,
        "operator": {"insert": new, "cross": None}.get(kind, operator),
        "with": new if kind == "replace" else None,
        "partner": partner,
        "partner_code": _code(lab, partner),
    }
    start = f"Take the method of {parent}" if parent else "Begin with the weak labels as they are"
    text = f"{start} and {_in_words(mutation)}."
    event = Assignment(desk.assignments, text, None, parent, kind)
    return event, {"parent": parent, "parent_code": code, "mutation": mutation}


def _in_words(mutation: Mapping[str, Json]) -> str:
    operator = mutation["operator"]
    return {
        "tune": f"change the settings of {operator}",
        "insert": f"put {operator} in, wherever you think best",
        "remove": f"take {operator} out",
        "replace": f"put {mutation['with']} in the place of {operator}",
        "cross": f"follow its first steps by the last steps of {mutation['partner']}",
    }[str(mutation["kind"])]


def _code(lab: Lab, finding: str | None) -> str | None:
    post = lab.board.post(finding) if finding else None
    return lab.file.text(post.finding.code) if post and post.finding.code else None
