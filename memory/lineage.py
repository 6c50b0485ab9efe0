"""The lineage of ideas: findings and the edges between them as a networkx graph."""

import networkx as nx

from aarlab.memory.board import Board

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


def original(board: Board, finding: str) -> str:
    """Return the finding that a finding replicates, directly or through others; itself if it replicates none."""
    seen = {finding}
    while True:
        edges = (entry.event for entry in board.edges_from(finding))
        earlier = next((edge.target for edge in edges if edge.relation == "replicates"), finding)
        if earlier in seen:
            return finding
        seen.add(earlier)
        finding = earlier


def ancestors(graph: "nx.MultiDiGraph[str]", finding: str) -> list[str]:
    """Return all findings that `finding` inherits from, directly or indirectly, nearest first."""
    inherits = nx.DiGraph((a, b) for a, b, relation in graph.edges(keys=True) if relation in INHERITING_RELATIONS)
    if finding not in inherits:
        return []
    distance: dict[str, int] = nx.single_source_shortest_path_length(inherits, finding)
    return sorted((node for node in distance if node != finding), key=lambda node: (distance[node], node))
