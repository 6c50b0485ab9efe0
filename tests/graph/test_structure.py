"""Structure is compiled: the dials decide which nodes, edges and tools there are."""

from itertools import pairwise
from typing import Any

import pytest
from langgraph.graph.state import CompiledStateGraph
from pydantic import ValidationError
from team_runs import COMBINATIONS, Dials, complete

from aarlab.graph.flow.researcher_graph import researcher_flow
from aarlab.graph.flow.team_graph import team_flow
from aarlab.graph.structure.dials import sharing
from aarlab.graph.structure.structure import DIALS, PRESETS, Structure

AUTONOMOUS = {"think", "act"}
STAGES = {
    *(f"{stage}.{step}" for stage in ("propose", "plan", "implement", "analyse", "share") for step in ("think", "act")),
    "smoke", "full_run",
}  # fmt: skip


def structure(dials: Dials | str = "autonomous") -> Structure:
    return Structure.model_validate(dials if isinstance(dials, str) else complete(dials))


def team_graph(structure: Structure) -> "CompiledStateGraph[Any, Any, Any, Any]":
    return team_flow(structure).compiled


def researcher_graph(structure: Structure) -> "CompiledStateGraph[Any, Any, Any, Any]":
    return researcher_flow(structure.resolved()).compiled


def nodes(graph: "CompiledStateGraph[Any, Any, Any, Any]") -> set[str]:
    return set(graph.get_graph().nodes) - {"__start__", "__end__"}


def edges(graph: "CompiledStateGraph[Any, Any, Any, Any]") -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in graph.get_graph().edges}


@pytest.mark.parametrize(
    ("dials", "between_rounds"),
    [
        ({"sharing": "none", "review": "none"}, []),
        ({"sharing": "synced", "review": "none"}, ["publish"]),
        ({"sharing": "none", "review": "advisory"}, ["review"]),
        ({"sharing": "synced", "review": "advisory"}, ["review", "publish"]),
        ({"sharing": "synced", "review": "gate"}, ["review", "publish"]),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "",
)
def test_what_happens_between_rounds_is_what_sharing_and_review_ask_for(
    dials: Dials, between_rounds: list[str]
) -> None:
    team = team_graph(structure(dials))
    path = ["research", *between_rounds, "next_round"]
    assert nodes(team) == {"brief", "close", *path}
    assert edges(team) == {
        ("__start__", "brief"), ("brief", "next_round"), *pairwise(path),
        ("next_round", "research"), ("next_round", "close"), ("next_round", "__end__"), ("close", "__end__"),
    }  # fmt: skip


def test_a_free_researcher_thinks_and_acts() -> None:
    graph = researcher_graph(structure("autonomous"))
    assert nodes(graph) == AUTONOMOUS
    assert {("think", "act"), ("act", "think")} <= edges(graph)


def test_a_bound_researcher_goes_from_stage_to_stage() -> None:
    graph = researcher_graph(structure("staged"))
    assert nodes(graph) == STAGES
    order = [
        "propose.think", "propose.act", "plan.think", "plan.act", "implement.think", "implement.act", "smoke",
        "full_run", "analyse.think", "analyse.act", "share.think", "share.act", "propose.think",
    ]  # fmt: skip
    assert set(pairwise(order)) <= edges(graph)


def test_a_gate_stands_in_front_of_every_full_run() -> None:
    free = researcher_graph(structure({"workflow": "autonomous", "review": "gate"}))
    bound = researcher_graph(structure({"workflow": "staged", "review": "gate"}))
    assert nodes(free) == AUTONOMOUS | {"consult"}
    assert nodes(bound) == STAGES | {"consult"}
    assert {source for source, target in edges(bound) if target == "full_run"} == {"consult", "__start__"}


def test_an_advisory_reviewer_is_no_gate() -> None:
    for workflow, expected in (("autonomous", AUTONOMOUS), ("staged", STAGES)):
        assert nodes(researcher_graph(structure({"workflow": workflow, "review": "advisory"}))) == expected


def test_sharing_decides_which_tools_there_are_for_others_findings() -> None:
    tools = {"read_board", "read_findings", "grep_board", "ask_librarian", "search_board", "borrow", "critique"}
    offered = {value: tools - structure({"sharing": value}).resolved().withheld_tools for value in sharing.DIAL.values}
    assert offered["none"] == {"read_board", "read_findings"}
    assert offered["synced"] == {"read_board", "read_findings", "grep_board", "borrow", "critique"}
    assert offered["query"] == {"ask_librarian", "borrow", "critique"}
    assert offered["keyword"] == {"search_board", "read_findings", "borrow", "critique"}


@pytest.mark.parametrize(
    "dials",
    [{"directions": "pool"}, {"selection": "evolutionary"}, {"directions": "pool", "selection": "evolutionary"}],
)
def test_where_ideas_are_assigned_an_assignment_stands_before_the_work(dials: Dials) -> None:
    free, bound = (researcher_graph(structure({**dials, "workflow": w})) for w in ("autonomous", "staged"))
    assert {("__start__", "assign"), ("assign", "think"), ("act", "assign")} <= edges(free)
    assert {("assign", "plan.think"), ("share.act", "assign")} <= edges(bound)
    assert "propose.think" not in nodes(bound)


def test_what_the_model_writes_in_advance_is_written_before_the_briefing() -> None:
    for dials in ({"directions": "pool"}, {"directions": "distinct", "directions_source": "model"}):
        assert {("__start__", "plan"), ("plan", "brief")} <= edges(team_graph(structure(dials)))


def test_oversight_asks_after_the_round_or_in_the_place_of_publishing() -> None:
    checkpoint, gate = (team_graph(structure({"oversight": value})) for value in ("checkpoint", "gate"))
    assert {("publish", "oversee"), ("oversee", "next_round")} <= edges(checkpoint)
    assert "release" in nodes(gate)
    assert "publish" not in nodes(gate)


def test_a_suggested_workflow_is_the_free_graph_with_other_words() -> None:
    free, advised = (structure({"workflow": value}) for value in ("autonomous", "suggested"))
    assert edges(researcher_graph(free)) == edges(researcher_graph(advised))
    assert free.resolved().explanations != advised.resolved().explanations


@pytest.mark.parametrize("dials", COMBINATIONS, ids=lambda dials: "-".join(dials.values()))
def test_every_pair_of_values_compiles(dials: Dials) -> None:
    asked = structure(dials)
    assert nodes(team_graph(asked)) >= {"brief", "research", "next_round", "close"}
    researcher = nodes(researcher_graph(asked))
    assert researcher >= (STAGES - {"propose.think", "propose.act"} if dials["workflow"] == "staged" else {"think"})


@pytest.mark.parametrize(
    ("dials", "words"),
    [
        ({"sharing": "none", "topology": "ring"}, ("sharing", "topology")),
        ({"sharing": "none", "oversight": "gate"}, ("sharing", "oversight")),
        ({"directions_source": "model", "directions": "none"}, ("directions_source", "directions")),
        ({"pool_ideas": 5}, ("pool_ideas", "directions")),
        ({"topology_parameters": {"k": 3}}, ("topology_parameters", "topology")),
    ],
)
def test_a_contradiction_is_refused_with_both_fields_named(dials: dict[str, Any], words: tuple[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        Structure.model_validate(dials)
    assert all(word in str(refused.value) for word in words)


# -- presets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_sets_every_dial(preset: str) -> None:
    asked = structure(preset)
    assert {dial.name: asked.value_of(dial) for dial in DIALS} == PRESETS[preset]


def test_a_dial_can_be_turned_on_top_of_a_preset() -> None:
    asked = structure({"preset": "staged", "review": "gate"})
    assert (asked.workflow, asked.review) == ("staged", "gate")


@pytest.mark.parametrize(
    "dials", ["anarchy", {"preset": "anarchy"}, {"workflow": "free"}, {"colour": "red"}, {"sharing": None}]
)
def test_a_preset_a_dial_or_a_value_that_does_not_exist_is_refused(dials: Dials | str) -> None:
    with pytest.raises(ValidationError):
        structure(dials)


def test_the_values_a_dial_documents_are_the_values_it_takes() -> None:
    for dial in DIALS:
        assert set(dial.values) == set(Structure.model_json_schema()["properties"][dial.name]["enum"])
