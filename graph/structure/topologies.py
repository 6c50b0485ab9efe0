"""The graphs of the dial `topology`, built with networkx: which researchers see each other's findings."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from aarlab.graph.structure.islands import DEFAULT_ISLANDS, Parameters, island_sizes
from aarlab.memory.seeds import seed_of


def _islands(
    n: int, seed: int, *, islands: int = DEFAULT_ISLANDS, bridges: int = 0, rewired: float = 0.0
) -> "nx.Graph[Any]":
    """Return complete graphs of nearly equal size, connected by edges between random members of two islands.

    Args:
        n: Number of nodes.
        seed: Seed of the edges between islands.
        islands: Number of complete graphs.
        bridges: Number of edges between islands that are added.
        rewired: Probability that an edge of an island is replaced by an edge from one of its ends to another island
            (Fang, Lee and Schilling 2010).

    Raises:
        ValueError: A parameter is outside its range, or there are fewer pairs of nodes in two islands than bridges.
    """
    if islands < 1 or bridges < 0 or not 0 <= rewired <= 1:
        raise ValueError("islands is at least 1, bridges at least 0 and rewired in [0, 1]")
    sizes = island_sizes(n, islands)
    graph: nx.Graph[Any] = nx.disjoint_union_all([nx.complete_graph(size) for size in sizes])
    island_of = [island for island, size in enumerate(sizes) for _ in range(size)]
    random = np.random.default_rng(seed)
    for node, other in list(graph.edges):
        if random.random() < rewired:
            end = (node, other)[random.integers(2)]
            free = [x for x in range(n) if island_of[x] != island_of[end] and not graph.has_edge(end, x)]
            if free:
                graph.remove_edge(node, other)
                graph.add_edge(end, free[random.integers(len(free))])
    if bridges:
        pairs = [
            (x, y) for x in range(n) for y in range(x) if island_of[x] != island_of[y] and not graph.has_edge(x, y)
        ]
        if bridges > len(pairs):
            raise ValueError(f"{bridges} bridges, but only {len(pairs)} pairs of researchers are in different islands")
        graph.add_edges_from(pairs[i] for i in random.choice(len(pairs), bridges, replace=False))
    return graph


def _small_world(n: int, seed: int, *, neighbours: int = 4, rewired: float = 0.1) -> "nx.Graph[Any]":
    """Return a connected small world (Watts and Strogatz 1998)."""
    if n < 3:
        return _complete(n, seed)
    world: nx.Graph[Any] = nx.connected_watts_strogatz_graph(n, min(neighbours, n - 1), rewired, seed=seed)
    return world


def _scale_free(n: int, seed: int, *, links: int = 2) -> "nx.Graph[Any]":
    """Return a graph grown by preferential attachment (Barabasi and Albert 1999)."""
    if n <= links:
        return _complete(n, seed)
    grown: nx.Graph[Any] = nx.barabasi_albert_graph(n, links, seed=seed)
    return grown


def _complete(n: int, seed: int) -> "nx.Graph[Any]":
    """Return the complete graph."""
    graph: nx.Graph[Any] = nx.complete_graph(n)
    return graph


def _generated(n: int, seed: int, *, generator: str, **parameters: float | int) -> "nx.Graph[Any]":
    """Return the graph of a networkx generator, called with its parameters and with `n` and `seed` if it takes them."""
    make = getattr(nx, generator, None)
    if not generator.endswith("_graph") or not callable(make):
        raise ValueError(f"networkx has no generator {generator!r}; the names of its generators end in _graph")
    for arguments in ({"n": n, "seed": seed}, {"n": n}, {"seed": seed}, {}):
        try:
            graph: nx.Graph[Any] = make(**arguments, **parameters)
            return graph
        except TypeError:
            continue
    raise ValueError(f"networkx.{generator} does not take the parameters {', '.join(parameters) or 'n'}")


def _from_file(n: int, seed: int, *, path: str) -> "nx.Graph[Any]":
    """Return the graph in a GraphML, GEXF or edge-list file."""
    readers: dict[str, Callable[[str], nx.Graph[Any]]] = {".graphml": nx.read_graphml, ".gexf": nx.read_gexf}
    try:
        return readers.get(Path(path).suffix, nx.read_edgelist)(path)
    except (OSError, nx.NetworkXException, SyntaxError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as a graph: {error}") from None


_GENERATORS: Mapping[str, Callable[..., "nx.Graph[Any]"]] = {
    "complete": _complete,
    "scale-free": _scale_free,
    "small-world": _small_world,
    "star": lambda n, seed: nx.star_graph(n - 1),
    "ring": lambda n, seed: nx.cycle_graph(n) if n > 1 else nx.empty_graph(n),
    "islands": _islands,
    "networkx": _generated,
    "file": _from_file,
}


def neighbours_of(
    topology: str, parameters: Parameters, names: Sequence[str], seed: int
) -> dict[str, frozenset[str]] | None:
    """Return the authors of the findings that each researcher sees, by name; None: every researcher sees all findings.

    Findings pass along an undirected edge both ways, and along a directed edge from its source to its target. Nodes are
    assigned to researchers in sorted order.

    Args:
        topology: A value of the dial.
        parameters: Parameters of the topology.
        names: The researchers, in team order.
        seed: The run's seed.

    Raises:
        ValueError: The topology does not take the parameters, or the graph has another size than the team.
    """
    if topology == "complete" and not parameters:
        return None
    if topology not in _GENERATORS:
        raise ValueError(f"unknown topology {topology!r}; topologies are {', '.join(_GENERATORS)}")
    try:
        graph = _GENERATORS[topology](len(names), seed_of(seed, "topology") % 2**32, **parameters)
    except (TypeError, ValueError, nx.NetworkXException) as error:
        raise ValueError(f"topology {topology} with the parameters {dict(parameters)}: {error}") from None
    if len(graph) != len(names):
        raise ValueError(f"topology {topology} has {len(graph)} nodes and team.researchers is {len(names)}")
    named = dict(zip(sorted(graph, key=lambda node: (len(str(node)), str(node))), names, strict=True))
    inbound = graph.reverse() if isinstance(graph, nx.DiGraph) else graph
    return {name: frozenset(named[other] for other in inbound.neighbors(node)) - {name} for node, name in named.items()}
