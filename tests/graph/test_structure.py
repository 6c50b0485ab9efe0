"""Structure is compiled: the dials determine nodes, edges and tools.

After a change of a dial, run `python tests/graph/test_structure.py` to update the table in docs/structure.md.
"""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph.state import CompiledStateGraph
from pydantic import ValidationError
from team_runs import PAIRWISE_STRUCTURES, Dials, complete

from aarlab.graph.flow.researcher_graph import researcher_flow
from aarlab.graph.flow.team_graph import team_flow
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.dials import sharing
from aarlab.graph.structure.structure import DIALS, PRESETS, Structure

PAGE = Path(__file__).parents[2] / "docs" / "structure.md"
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
def test_sharing_and_review_set_the_nodes_between_rounds(dials: Dials, between_rounds: list[str]) -> None:
    team = team_graph(structure(dials))
    path = ["research", *between_rounds, "next_round"]
    assert nodes(team) == {"opening", "brief", "close", *path}
    assert edges(team) == {
        ("__start__", "opening"), ("opening", "brief"), ("brief", "next_round"), *pairwise(path),
        ("next_round", "research"), ("next_round", "close"), ("next_round", "__end__"), ("close", "__end__"),
    }  # fmt: skip


def test_autonomous_graph_alternates_think_and_act() -> None:
    graph = researcher_graph(structure("autonomous"))
    assert nodes(graph) == AUTONOMOUS
    assert {("think", "act"), ("act", "think")} <= edges(graph)


def test_staged_graph_follows_the_stages() -> None:
    graph = researcher_graph(structure("staged"))
    assert nodes(graph) == STAGES
    order = [
        "propose.think", "propose.act", "plan.think", "plan.act", "implement.think", "implement.act", "smoke",
        "full_run", "analyse.think", "analyse.act", "share.think", "share.act", "propose.think",
    ]  # fmt: skip
    assert set(pairwise(order)) <= edges(graph)


def test_gate_precedes_every_full_run() -> None:
    autonomous = researcher_graph(structure({"workflow": "autonomous", "review": "gate"}))
    staged = researcher_graph(structure({"workflow": "staged", "review": "gate"}))
    assert nodes(autonomous) == AUTONOMOUS | {"consult"}
    assert nodes(staged) == STAGES | {"consult"}
    assert {source for source, target in edges(staged) if target == "full_run"} == {"consult", "__start__"}


def test_advisory_review_adds_no_gate() -> None:
    for workflow, expected in (("autonomous", AUTONOMOUS), ("staged", STAGES)):
        assert nodes(researcher_graph(structure({"workflow": workflow, "review": "advisory"}))) == expected


def test_sharing_determines_the_board_tools() -> None:
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
def test_assigned_ideas_add_an_assign_node(dials: Dials) -> None:
    autonomous, staged = (researcher_graph(structure({**dials, "workflow": w})) for w in ("autonomous", "staged"))
    assert {("__start__", "assign"), ("assign", "think"), ("act", "assign")} <= edges(autonomous)
    assert {("assign", "plan.think"), ("share.act", "assign")} <= edges(staged)
    assert "propose.think" not in nodes(staged)


def test_plan_precedes_the_setup() -> None:
    for dials in ({"directions": "pool"}, {"directions": "distinct", "directions_source": "model"}):
        assert {("__start__", "plan"), ("plan", "opening")} <= edges(team_graph(structure(dials)))


def test_without_an_opening_the_graph_starts_with_the_setup() -> None:
    assert ("__start__", "brief") in edges(team_graph(structure({"opening": "none"})))


def test_oversight_follows_or_replaces_publish() -> None:
    checkpoint, gate = (team_graph(structure({"oversight": value})) for value in ("checkpoint", "gate"))
    assert {("publish", "oversee"), ("oversee", "next_round")} <= edges(checkpoint)
    assert "release" in nodes(gate)
    assert "publish" not in nodes(gate)


def test_a_lead_assigns_tasks_before_each_slice() -> None:
    for value in ("lead", "hybrid"):
        found = edges(team_graph(structure({"coordination": value})))
        assert {("next_round", "assign_tasks"), ("assign_tasks", "research"), ("assign_tasks", "close")} <= found
        assert ("next_round", "research") not in found


def test_turnover_precedes_the_work_of_a_round() -> None:
    for coordination, first in (("peers", "research"), ("hybrid", "assign_tasks")):
        found = edges(team_flow(structure({"coordination": coordination}), turnover=True).compiled)
        assert {("next_round", "replace_members"), ("replace_members", first)} <= found
        assert ("next_round", first) not in found


def test_a_lead_alone_sees_all_findings_unless_sharing_is_set() -> None:
    configured = structure({"coordination": "lead"})
    assert configured.sharing == "none"
    assert "borrow" not in configured.resolved().withheld_tools


def test_suggested_workflow_changes_only_the_prompt() -> None:
    autonomous, suggested = (structure({"workflow": value}) for value in ("autonomous", "suggested"))
    assert edges(researcher_graph(autonomous)) == edges(researcher_graph(suggested))
    assert autonomous.resolved().explanations != suggested.resolved().explanations


@pytest.mark.parametrize("dials", PAIRWISE_STRUCTURES, ids=lambda dials: "-".join(dials.values()))
def test_every_pair_of_dial_values_compiles(dials: Dials) -> None:
    configured = structure(dials)
    assert nodes(team_graph(configured)) >= {"brief", "research", "next_round", "close"}
    researcher = nodes(researcher_graph(configured))
    assert researcher >= (STAGES - {"propose.think", "propose.act"} if dials["workflow"] == "staged" else {"think"})


@pytest.mark.parametrize(
    ("dials", "words"),
    [
        ({"sharing": "none", "topology": "ring"}, ("sharing", "topology")),
        ({"sharing": "none", "oversight": "gate"}, ("sharing", "oversight")),
        ({"sharing": "none", "authority": "senior"}, ("sharing", "authority")),
        ({"coordination": "lead", "sharing": "synced"}, ("coordination", "sharing")),
        ({"coordination": "hybrid", "sharing": "none"}, ("coordination", "sharing")),
        ({"coordination": "specialists", "sharing": "query"}, ("coordination", "sharing")),
        ({"coordination": "specialists", "workflow": "staged"}, ("coordination", "workflow")),
        ({"coordination": "hybrid", "directions": "pool"}, ("coordination", "directions")),
        ({"coordination": "lead", "selection": "evolutionary"}, ("coordination", "selection")),
        ({"directions_source": "model", "directions": "none"}, ("directions_source", "directions")),
        ({"pool_ideas": 5}, ("pool_ideas", "directions")),
        ({"topology_parameters": {"k": 3}}, ("topology_parameters", "topology")),
    ],
)
def test_contradiction_error_names_both_fields(dials: dict[str, Any], words: tuple[str, str]) -> None:
    with pytest.raises(ValidationError) as error:
        Structure.model_validate(dials)
    assert all(word in str(error.value) for word in words)


# -- presets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_sets_every_dial(preset: str) -> None:
    configured = structure(preset)
    assert {dial.name: configured.value_of(dial) for dial in DIALS} == PRESETS[preset]


def test_the_preset_single_is_a_team_of_one() -> None:
    assert Scenario.model_validate({"structure": "single"}).team.researchers == 1
    with pytest.raises(ValidationError, match=r"team of one researcher, and team\.researchers is 3"):
        Scenario.model_validate({"structure": "single", "team": {"researchers": 3}})


def test_dial_overrides_the_preset() -> None:
    configured = structure({"preset": "staged", "review": "gate"})
    assert (configured.workflow, configured.review) == ("staged", "gate")


@pytest.mark.parametrize(
    "dials", ["anarchy", {"preset": "anarchy"}, {"workflow": "free"}, {"colour": "red"}, {"sharing": None}]
)
def test_unknown_preset_dial_or_value_is_rejected(dials: Dials | str) -> None:
    with pytest.raises(ValidationError):
        structure(dials)


def test_documented_dial_values_are_the_accepted_values() -> None:
    for dial in DIALS:
        assert set(dial.values) == set(Structure.model_json_schema()["properties"][dial.name]["enum"])


def test_dials_are_imported_without_the_method_toolkit() -> None:
    check = "import sys, aarlab.graph.structure.structure; sys.exit('aarlab.scenarios.toolkit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0


def with_table_of_dials(page: str) -> str:
    """Return docs/structure.md with the table of dials from the code."""
    before, heading, after = page.partition("| dial | values | hypothesis it tests |\n|---|---|---|\n")
    rows = []
    for dial in DIALS:
        values = "; ".join(f"**{value}**: {meaning}" for value, meaning in dial.values.items())
        rows.append(f"| `{dial.name}` | {values} | {dial.claim} |")
    return "\n".join([before + heading.rstrip("\n"), *rows, "", after.partition("\n\n")[2]])


def test_the_table_of_dials_in_the_docs_equals_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table_of_dials(page)


if __name__ == "__main__":
    PAGE.write_text(with_table_of_dials(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
