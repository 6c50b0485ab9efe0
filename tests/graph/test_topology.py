"""Topologies from a name and parameters, or from a file."""

from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from pydantic import ValidationError
from team_runs import scenario

from aarlab.graph.structure.dials.topology import DIAL
from aarlab.graph.structure.islands import Parameters
from aarlab.graph.structure.topologies import neighbours_of

NAMES = [f"r{i + 1}" for i in range(9)]


def topology_of(topology: str, seed: int = 1, **parameters: Any) -> dict[str, frozenset[str]]:
    result = neighbours_of(topology, parameters, NAMES, seed)
    assert result is not None
    return result


def test_complete_topology_has_no_neighbour_lists() -> None:
    assert neighbours_of("complete", {}, NAMES, 1) is None


def test_topologies_have_the_named_shape() -> None:
    assert all(len(others) == 2 for others in topology_of("ring").values())
    assert sorted(len(others) for others in topology_of("star").values()) == [1] * 8 + [8]
    assert topology_of("islands", islands=3)["r1"] == {"r2", "r3"}
    assert all(len(others) >= 2 for others in topology_of("small-world", neighbours=4, rewired=0.2).values())


def _edges(neighbours: dict[str, frozenset[str]]) -> set[frozenset[str]]:
    return {frozenset((name, other)) for name, others in neighbours.items() for other in others}


@pytest.mark.parametrize("bridges", [0, 1, 4, 27])
def test_bridges_add_edges_between_islands_only(bridges: int) -> None:
    isolated, bridged = _edges(topology_of("islands")), _edges(topology_of("islands", bridges=bridges))
    assert isolated <= bridged
    assert len(bridged - isolated) == bridges


def test_islands_without_bridges_are_isolated() -> None:
    groups = [set(NAMES[:3]), set(NAMES[3:6]), set(NAMES[6:])]
    assert all(any(edge <= group for group in groups) for edge in _edges(topology_of("islands", bridges=0)))


def test_rewired_islands_keep_their_number_of_edges() -> None:
    isolated, rewired = _edges(topology_of("islands")), _edges(topology_of("islands", rewired=0.5))
    assert len(rewired) == len(isolated)
    assert rewired != isolated


@pytest.mark.parametrize("topology", ["small-world", "scale-free"])
def test_random_topologies_depend_on_the_seed(topology: str) -> None:
    assert topology_of(topology, 1) == topology_of(topology, 1)
    assert len({str(sorted((k, sorted(v)) for k, v in topology_of(topology, s).items())) for s in range(5)}) > 1


def test_undirected_edges_reach_both_ends_and_no_self_loop() -> None:
    for topology in set(DIAL.values) - {"complete", "networkx", "file"}:
        neighbours = topology_of(topology)
        assert all(
            name not in others and all(name in neighbours[o] for o in others) for name, others in neighbours.items()
        )


def test_any_networkx_generator_can_be_used() -> None:
    assert topology_of("networkx", generator="path_graph")["r1"] == {"r2"}
    assert topology_of("networkx", generator="random_regular_graph", d=4).keys() == set(NAMES)


def test_directed_edge_reaches_its_target(tmp_path: Path) -> None:
    graph = nx.DiGraph([(i, i + 1) for i in range(8)])
    nx.write_graphml(graph, tmp_path / "chain.graphml")
    neighbours = topology_of("file", path=str(tmp_path / "chain.graphml"))
    assert neighbours["r1"] == frozenset()
    assert neighbours["r2"] == {"r1"}


@pytest.mark.parametrize(
    ("topology", "parameters", "words"),
    [
        ("networkx", {"generator": "os"}, "no generator 'os'"),
        ("networkx", {"generator": "petersen_graph"}, "10 nodes and team.researchers is 9"),
        ("small-world", {"wings": 3}, "wings"),
        ("islands", {"bridges": 28}, "28 bridges, but only 27 pairs"),
        ("islands", {"islands": 0}, "islands is at least 1"),
        ("islands", {"rewired": 2}, r"rewired in \[0, 1\]"),
        ("file", {"path": "nowhere.graphml"}, "nowhere.graphml cannot be read"),
        ("networkx", {}, "generator"),
    ],
)
def test_invalid_topology_is_rejected_with_a_reason(topology: str, parameters: Parameters, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        neighbours_of(topology, parameters, NAMES, 1)


def test_topology_must_match_the_team_size() -> None:
    with pytest.raises(ValidationError, match=r"10 nodes and team.researchers is 2"):
        scenario(structure={"topology": "networkx", "topology_parameters": {"generator": "petersen_graph"}})
