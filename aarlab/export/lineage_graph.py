"""The lineage of a run's ideas, for Gephi, networkx and whatever else reads GraphML or GEXF."""

import re
from pathlib import Path
from typing import Any

import networkx as nx

from aarlab.memory.board import Board
from aarlab.memory.lineage import lineage
from aarlab.memory.run_reader import RunReader

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML has no way to write; a model may well."""


def write_graphml(file: RunReader, path: Path) -> None:
    """Write the lineage as GraphML."""
    nx.write_graphml(lineage_graph(file), path, named_key_ids=True)


def write_gexf(file: RunReader, path: Path) -> None:
    """Write the lineage as GEXF."""
    # The format's own "label" is what Gephi writes beside a node, and its "weight" how strongly an edge draws.
    nx.write_gexf(lineage_graph(file), path)


def lineage_graph(file: RunReader) -> "nx.MultiDiGraph[str]":
    """Return the lineage with a label on each node, edges by the order of the board, and no attribute without a value.

    Both formats give each attribute one type, and have no word for nothing: what a node does not have, it lacks.
    """
    board = Board(file)
    published = {post.finding.id: post for post in board.posts()}
    winner = _winner(file)
    found = lineage(board)
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=file.info().run_id)
    for node, attributes in found.nodes(data=True):
        post = published.get(node)
        more: dict[str, Any] = {"label": node}
        if post is not None:
            finding = post.finding
            more |= {"label": f"{node} {finding.title}", "hours": post.hours, "published": post.published}
            more |= {"se": finding.se, "fidelity": finding.fidelity, "winner": node == winner}
        graph.add_node(node, **_present(attributes | more))
    for number, (source, target, attributes) in enumerate(found.edges(data=True)):
        graph.add_edge(source, target, key=f"e{number}", **_present(attributes))
    return graph


def _present(attributes: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else value
        for name, value in attributes.items()
        if value is not None
    }


def _winner(file: RunReader) -> str | None:
    summary = file.info().summary
    best = summary.get("best") if summary else None
    return best["finding"] if best else None
