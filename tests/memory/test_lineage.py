"""The lineage of findings as a graph."""

import pytest

from aarlab.memory.board import Board
from aarlab.memory.events import Edge, EdgeKind, Finding
from aarlab.memory.lineage import ancestors, lineage
from aarlab.memory.run_writer import RunWriter

FINDINGS = {
    "r1.f1": "Bag", "r2.f1": "Bag it", "r3.f1": "Bag it twice", "r3.f2": "An aside", "r4.f1": "Bag it twice, again"
}  # fmt: skip


@pytest.fixture
def family(file: RunWriter) -> RunWriter:
    """r2 borrows from r1, r3 refines r2's finding and its own finding, r4 replicates r3, r5 only criticises."""
    for round, (finding, title) in enumerate(FINDINGS.items(), start=1):
        author = finding.split(".")[0]
        event = Finding(finding, author, "result", title, "", "ensemble", None, None, "full", 0.25, 0.1)
        file.append(author, event, round=round, hours=1.0)
    edges: list[tuple[EdgeKind, str, str]] = [
        ("borrows", "r2.f1", "r1.f1"), ("refines", "r3.f1", "r2.f1"), ("refines", "r3.f1", "r3.f2"),
        ("replicates", "r4.f1", "r3.f1"), ("critiques", "r5", "r1.f1"),
    ]  # fmt: skip
    for relation, source, target in edges:
        file.append(source.split(".")[0], Edge(relation, source, target, "why"), round=4, hours=1.0)
    return file


def test_ancestors_follow_inheriting_edges_nearest_first(family: RunWriter) -> None:
    graph = lineage(Board(family))
    assert ancestors(graph, "r4.f1") == ["r3.f1", "r2.f1", "r3.f2", "r1.f1"]
    assert ancestors(graph, "r2.f1") == ["r1.f1"]


def test_first_finding_has_no_ancestors(family: RunWriter) -> None:
    graph = lineage(Board(family))
    assert ancestors(graph, "r1.f1") == []
    assert ancestors(graph, "r3.f2") == []


def test_critique_is_not_inheritance(family: RunWriter) -> None:
    graph = lineage(Board(family))
    assert graph.has_edge("r5", "r1.f1", key="critiques")
    assert graph.nodes["r5"] == {"type": "agent"}
    assert ancestors(graph, "r5") == []


def test_lineage_nodes_and_edges_carry_attributes(family: RunWriter) -> None:
    graph = lineage(Board(family))
    assert graph.nodes["r2.f1"] == {
        "author": "r2", "type": "result", "title": "Bag it", "family": "ensemble", "round": 2, "pgr": 0.25,
    }  # fmt: skip
    assert graph.edges["r2.f1", "r1.f1", "borrows"] == {"relation": "borrows", "text": "why"}


def test_two_findings_can_have_several_relations(family: RunWriter) -> None:
    family.append("r2", Edge("critiques", "r2.f1", "r1.f1", "but"), round=4, hours=1.0)
    graph = lineage(Board(family))
    assert set(graph["r2.f1"]["r1.f1"]) == {"borrows", "critiques"}
    assert ancestors(graph, "r2.f1") == ["r1.f1"]


def test_empty_board_has_empty_lineage(file: RunWriter) -> None:
    assert len(lineage(Board(file))) == 0
