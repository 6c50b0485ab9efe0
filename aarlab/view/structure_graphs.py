"""The graphs of two structures over each other, with a layout, and what differs between them."""

from collections.abc import Iterable, Mapping
from typing import Any

from aarlab.graph.flow.flow_table import END, START, Flow
from aarlab.graph.flow.researcher_graph import researcher_flow
from aarlab.graph.flow.team_graph import team_flow
from aarlab.graph.structure.structure import DIALS, Structure

Row = dict[str, Any]
Edge = tuple[str, str]
_NAMES = {START: "start", END: "end"}
_BOTH, _FIRST, _SECOND = "both", "first", "second"


def compared_structures(first: Mapping[str, Any], second: Mapping[str, Any]) -> Row:
    """Return what differs between two structures.

    Args:
        first: The section `structure` of a recorded scenario.
        second: That of another one.

    Returns:
        `dials`: rows (dial, first value, second value) of those that differ. `graphs`: rows with `name` (team or
        researcher), `nodes` (name, column, row, part) and `edges` (from, to, part); a part is both, first or second.

    Raises:
        ValueError: A structure is not valid in this version.
    """
    one, other = Structure.model_validate(dict(first)), Structure.model_validate(dict(second))
    dials = [(dial.name, one.value_of(dial), other.value_of(dial)) for dial in DIALS]
    return {
        "dials": [row for row in dials if row[1] != row[2]],
        "graphs": [
            _graph(team_flow(one), team_flow(other)),
            _graph(researcher_flow(one.resolved()), researcher_flow(other.resolved())),
        ],
    }


def _graph(first: Flow, second: Flow) -> Row:
    edges = [_edges(flow) for flow in (first, second)]
    union = list(dict.fromkeys([*edges[0], *edges[1]]))
    columns, length = _columns(union)
    rows: dict[int, int] = {}
    nodes = []
    # The longest way on is at the top, so the rounds of the team are a straight line.
    for name, column in sorted(columns.items(), key=lambda item: -length[item[0]]):
        row = rows[column] = rows.get(column, -1) + 1
        parts = [any(name in edge for edge in own) for own in edges]
        nodes.append({"name": _NAMES.get(name, name), "column": column, "row": row, "part": _part(*parts)})
    return {
        "name": first.name, "nodes": nodes,
        "edges": [
            {"from": _NAMES.get(a, a), "to": _NAMES.get(b, b), "part": _part((a, b) in edges[0], (a, b) in edges[1])}
            for a, b in union
        ],
    }  # fmt: skip


def _part(in_first: bool, in_second: bool) -> str:
    return _BOTH if in_first and in_second else _FIRST if in_first else _SECOND


def _edges(flow: Flow) -> list[Edge]:
    return [(name, successor) for name in (START, *flow.nodes) for successor in flow.successors(name)]


def _columns(edges: Iterable[Edge]) -> tuple[dict[str, int], dict[str, int]]:
    """Return a column for each node, and the length of the longest path from it to an end, both in edges.

    The column is the length of the longest path to the node from the start. Edges that close a circle, found by a
    search in depth, are left out.
    """
    successors: dict[str, list[str]] = {}
    for a, b in edges:
        successors.setdefault(a, []).append(b)
        successors.setdefault(b, [])
    forward: dict[str, list[str]] = {name: [] for name in successors}
    length: dict[str, int] = {}
    open_: set[str] = set()

    def visit(name: str) -> None:
        open_.add(name)
        for successor in successors[name]:
            if successor in open_:
                continue
            if successor not in length:
                visit(successor)
            forward[name].append(successor)
        open_.discard(name)
        length[name] = max((1 + length[successor] for successor in forward[name]), default=0)

    visit(START)
    columns = dict.fromkeys(reversed(length), 0)
    for name in columns:
        for successor in forward[name]:
            columns[successor] = max(columns[successor], columns[name] + 1)
    columns[END] = max(columns.values())
    return columns, length
