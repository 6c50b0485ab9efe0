"""A drawing of the lineage of one finding: a column for each round, lines to what each finding inherits from."""

from typing import Any

import networkx as nx

from aarlab.memory.lineage import INHERITING_RELATIONS
from aarlab.report.drawing import WIDTH, Drawing, Element, el, mark, path
from aarlab.view.lineage_layout import lineage_layout

_ROW, _TOP, _LEFT, _RIGHT = 34, 44, 40, 60
_COLOURS = {"borrows": "c1", "refines": "cother", "replicates": "c2"}


def lineage_drawing(graph: "nx.MultiDiGraph[str]", finding: str) -> Drawing:
    """Return the drawing.

    Args:
        graph: The finding and all that it inherits from, as `aarlab.memory.lineage.lineage` returns it.
        finding: The finding, which is marked.
    """
    nodes: dict[str, dict[str, Any]] = {node: graph.nodes[node] for node in graph}
    edges = [edge for edge in graph.edges(keys=True) if edge[2] in INHERITING_RELATIONS]
    order = sorted(nodes, key=lambda node: (nodes[node]["round"], node))
    layout = lineage_layout([(node, nodes[node]["round"]) for node in order], [edge[:2] for edge in edges])
    columns = max(column for column, _ in layout.values())
    width = (WIDTH - _LEFT - _RIGHT) / max(1, columns)
    places = {node: (_LEFT + column * width, _TOP + row * _ROW) for node, (column, row) in layout.items()}
    rounds = {layout[node][0]: nodes[node]["round"] for node in order}
    elements: list[Element] = [
        el("g", *(
            el("text", f"round {number}" if number else "opening", x=_LEFT + column * width, y=14, text_anchor="middle")
            for column, number in rounds.items()
        ), class_="axis"),
    ]  # fmt: skip
    for source, target, relation in edges:
        line = el("path", el("title", f"{source} {relation} {target}"), class_=f"{_COLOURS[relation]} stroke",
                  d=path([places[target], places[source]]))  # fmt: skip
        elements.append(line)
    for node, (x, y) in places.items():
        chosen, title = node == finding, f"{node} by {nodes[node]['author']}: {nodes[node]['title']}"
        elements.append(mark((x, y), "c0" if chosen else "cother", title, size=7 if chosen else 5))
        elements.append(el("text", node, x=x, y=y - 10, text_anchor="middle"))
    height = max(y for _, y in places.values()) + 18
    return Drawing(tuple(elements), height, f"{finding} and the findings that it inherits from")
