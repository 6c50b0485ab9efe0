"""Structure is compiled: the dials decide which nodes, edges and tools there are."""

from itertools import pairwise
from typing import Any

import pytest
from langgraph.graph.state import CompiledStateGraph
from pydantic import ValidationError
from team_runs import COMBINATIONS, Dials

from aarlab.graph.researcher import compile_researcher
from aarlab.graph.structure import DIALS, PRESETS, Structure
from aarlab.graph.team import compile_team

AUTONOMOUS = {"think", "act"}
STAGES = {"propose", "plan", "implement", "smoke", "full_run", "analyse", "share"}


def structure(dials: Dials | str = "autonomous") -> Structure:
    return Structure.model_validate(dials)


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
    team = compile_team(structure(dials))
    path = ["research", *between_rounds, "next_round"]
    assert nodes(team) == {"brief", "close", *path}
    assert edges(team) == {
        ("__start__", "brief"), ("brief", "research"), *pairwise(path),
        ("next_round", "research"), ("next_round", "close"), ("close", "__end__"),
    }  # fmt: skip


def test_a_free_researcher_thinks_and_acts() -> None:
    graph = compile_researcher(structure("autonomous"))
    assert nodes(graph) == AUTONOMOUS
    assert {("think", "act"), ("act", "think")} <= edges(graph)


def test_a_bound_researcher_goes_from_stage_to_stage() -> None:
    graph = compile_researcher(structure("staged"))
    assert nodes(graph) == STAGES
    order = ["propose", "plan", "implement", "smoke", "full_run", "analyse", "share", "propose"]
    assert set(pairwise(order)) <= edges(graph)


def test_a_gate_stands_in_front_of_every_full_run() -> None:
    free = compile_researcher(structure({"workflow": "autonomous", "review": "gate"}))
    bound = compile_researcher(structure({"workflow": "staged", "review": "gate"}))
    assert nodes(free) == AUTONOMOUS | {"consult"}
    assert nodes(bound) == STAGES | {"consult"}
    assert {source for source, target in edges(bound) if target == "full_run"} == {"consult", "__start__"}


def test_an_advisory_reviewer_is_no_gate() -> None:
    for workflow, expected in (("autonomous", AUTONOMOUS), ("staged", STAGES)):
        assert nodes(compile_researcher(structure({"workflow": workflow, "review": "advisory"}))) == expected


def test_who_works_alone_has_no_tools_for_others_findings() -> None:
    alone, together = (structure({"sharing": value}).blueprint() for value in ("none", "synced"))
    assert alone.withheld == {"search_board", "borrow", "critique"}
    assert together.withheld == set()


@pytest.mark.parametrize("dials", COMBINATIONS, ids=lambda dials: "-".join(dials.values()))
def test_every_combination_of_dials_compiles(dials: Dials) -> None:
    asked = structure(dials)
    assert nodes(compile_team(asked)) >= {"brief", "research", "next_round", "close"}
    assert nodes(compile_researcher(asked)) >= ({"think"} if dials["workflow"] == "autonomous" else STAGES)


def test_every_combination_is_explained_in_words_of_its_own() -> None:
    told = ["\n".join(structure(dials).blueprint().explained) for dials in COMBINATIONS]
    assert len(set(told)) == len(COMBINATIONS)


# -- presets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_sets_every_dial(preset: str) -> None:
    asked = structure(preset)
    assert {dial.name: asked.setting(dial) for dial in DIALS} == PRESETS[preset]


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
