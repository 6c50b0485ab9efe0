"""Compiled graphs, drawn: as lines for the terminal, and as a picture where Graphviz is installed."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Graphs = Mapping[str, Any]
"""LangGraph's drawable graphs by name: `team`, `researcher`."""


class GraphvizMissingError(RuntimeError):
    """There is no `dot` on this machine; the message says how to come by it."""


def label(node: str) -> str:
    """Return how a node is called in a drawing."""
    return {"__start__": "START", "__end__": "END"}.get(node, node)


def lines(graph: Any) -> list[str]:
    """Return a graph as lines for the terminal, one for each node: where it leads, with ⇢ where that depends."""
    targets: dict[str, list[Any]] = {}
    for edge in graph.edges:
        targets.setdefault(edge.source, []).append(edge)
    # In the order of their definition; the end is drawn last, wherever it could be reached first.
    order = sorted(graph.nodes, key=lambda node: node == "__end__")
    width = max((len(label(node)) for node in order if node in targets), default=0)
    drawn = []
    for node in order:
        if node in targets:
            edges = sorted(targets[node], key=lambda edge: order.index(edge.target))
            ways = "   ".join(f"{'⇢' if edge.conditional else '→'} {label(edge.target)}" for edge in edges)
            drawn.append(f"{label(node):<{width}} {ways}")
    return drawn


def dot(graphs: Graphs) -> str:
    """Return the graphs as one source for Graphviz, side by side; an edge that depends is dashed."""
    return "\n".join(
        ("digraph structure {", *_style(), *(line for item in graphs.items() for line in _box(*item)), "}")
    )


def _style() -> Iterator[str]:
    yield 'graph [fontname="Helvetica" fontsize=13 labeljust=l color="#bbbbbb" dpi=144]'
    yield 'node [shape=box style="rounded,filled" fillcolor="#f4f6f8" color="#55606a" fontname="Helvetica" fontsize=12]'
    yield 'edge [color="#55606a" arrowsize=0.7]'


def _box(name: str, graph: Any) -> Iterator[str]:
    yield f'subgraph "cluster {name}" {{ label="{name} graph"'
    for node in graph.nodes:
        shape = " shape=plain style=solid" if label(node) != node else ""
        yield f'"{name}.{node}" [label="{label(node)}"{shape}]'
    for edge in graph.edges:
        yield f'"{name}.{edge.source}" -> "{name}.{edge.target}"{" [style=dashed]" if edge.conditional else ""}'
    yield "}"


def draw_png(graphs: Graphs, path: Path) -> None:
    """Draw the graphs into a PNG file.

    Raises:
        NoGraphviz: Graphviz is not installed.
        OSError: The file cannot be written.
    """
    program = shutil.which("dot")
    if program is None:
        raise GraphvizMissingError(
            "a picture is drawn by Graphviz, and there is no `dot` here: apt-get install graphviz"
        )
    picture = subprocess.run([program, "-Tpng"], input=dot(graphs).encode(), capture_output=True, check=True).stdout
    path.write_bytes(picture)
