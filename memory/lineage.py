"""The lineage of ideas: findings and the edges between them as a networkx graph."""

from collections.abc import Callable

import networkx as nx

from aarlab.memory.board import Board, edge_order
from aarlab.memory.events import Edge, LogEntry
from aarlab.memory.run_reader import RunReader

INHERITING_RELATIONS = ("borrows", "refines", "replicates")
"""Relations in which the later finding inherits from the earlier one. A critique does not inherit."""


def lineage(board: Board) -> "nx.MultiDiGraph[str]":
    """Return a graph of findings with edges from later findings to earlier ones.

    The source of a critique is the agent that wrote it, a node of type "agent". Findings have author, type, title,
    family, round and pgr (None without a score). Edges have relation and text.
    """
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for post in board.posts():
        finding = post.finding
        graph.add_node(
            finding.id, author=finding.author, type=finding.type, title=finding.title,
            family=finding.family, round=post.round, pgr=finding.pgr,
        )  # fmt: skip
    for edge in (entry.event for entry in board.edges()):
        if edge.source not in graph:
            graph.add_node(edge.source, type="agent")
        graph.add_edge(edge.source, edge.target, key=edge.relation, relation=edge.relation, text=edge.text)
    return graph


def parents(file: RunReader) -> dict[str, list[str]]:
    """Return the findings that each finding inherits from, by id, in order of arrival.

    Without networkx, whose graphs need a kilobyte for each finding.
    """
    earlier: dict[str, list[str]] = {}
    for edge in (entry.event for entry in file.entries(Edge)):
        if edge.relation in INHERITING_RELATIONS:
            earlier.setdefault(edge.source, []).append(edge.target)
    return earlier


def original(board: Board, finding: str) -> str:
    """Return the finding that a finding replicates, directly or through others; itself if it replicates none."""

    def replicated(name: str) -> str | None:
        edges = (entry.event for entry in board.edges_from(name))
        return next((edge.target for edge in edges if edge.relation == "replicates"), None)

    return _last(finding, replicated)


def original_in(file: RunReader, finding: str) -> str:
    """Return what `original` returns, without a board: that of a large team takes longer to make."""
    first: dict[str, LogEntry[Edge]] = {}
    for entry in file.entries(Edge):
        if entry.event.relation == "replicates":
            first[entry.event.source] = min(first.get(entry.event.source, entry), entry, key=edge_order)
    return _last(finding, lambda name: first[name].event.target if name in first else None)


def _last(finding: str, next_of: Callable[[str], str | None]) -> str:
    """Return the last finding of a chain, or the last one before it comes to a finding again."""
    seen = {finding}
    while (following := next_of(finding)) is not None and following not in seen:
        seen.add(following)
        finding = following
    return finding


def ancestors(graph: "nx.MultiDiGraph[str]", finding: str) -> list[str]:
    """Return all findings that `finding` inherits from, directly or indirectly, nearest first."""
    inherits = nx.DiGraph((a, b) for a, b, relation in graph.edges(keys=True) if relation in INHERITING_RELATIONS)
    if finding not in inherits:
        return []
    distance: dict[str, int] = nx.single_source_shortest_path_length(inherits, finding)
    return sorted((node for node in distance if node != finding), key=lambda node: (distance[node], node))
