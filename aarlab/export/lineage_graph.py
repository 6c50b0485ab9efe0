"""Export the lineage of findings as GraphML or GEXF, for Gephi, networkx and other graph tools."""

import re
from pathlib import Path
from typing import Any

import networkx as nx

from aarlab.memory.board import Board
from aarlab.memory.lineage import lineage
from aarlab.memory.run_reader import RunReader

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot represent. Text of a model can contain them."""


def write_graphml(file: RunReader, path: Path) -> None:
    """Write the lineage as GraphML."""
    nx.write_graphml(lineage_graph(file), path, named_key_ids=True)


def write_gexf(file: RunReader, path: Path) -> None:
    """Write the lineage as GEXF."""
    nx.write_gexf(lineage_graph(file), path)


def lineage_graph(file: RunReader) -> "nx.MultiDiGraph[str]":
    """Return the lineage with a label on each node and the edges in the order of the board.

    Both formats give each attribute one type and have no null value, so attributes without a value are omitted.
    """
    board = Board(file)
    posts = {post.finding.id: post for post in board.posts()}
    winner = _winner(file)
    ideas = lineage(board)
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=file.info().run_id)
    for node, attributes in ideas.nodes(data=True):
        post = posts.get(node)
        more: dict[str, Any] = {"label": node}
        if post is not None:
            finding = post.finding
            more |= {"label": f"{node} {finding.title}", "hours": post.hours, "published": post.published}
            more |= {
                "held_back": post.held_back,
                "se": finding.se,
                "fidelity": finding.fidelity,
                "winner": node == winner,
            }
        graph.add_node(node, **_with_values(attributes | more))
    for number, (source, target, attributes) in enumerate(ideas.edges(data=True)):
        graph.add_edge(source, target, key=f"e{number}", **_with_values(attributes))
    return graph


def _with_values(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that have a value, with characters replaced that XML cannot represent."""
    return {
        name: _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else value
        for name, value in attributes.items()
        if value is not None
    }


def _winner(file: RunReader) -> str | None:
    """Return the id of the finding that won; None if there is none."""
    summary = file.info().summary
    best = summary.get("best") if summary else None
    return best["finding"] if best else None
