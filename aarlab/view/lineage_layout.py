"""Positions for a drawing of the lineage: a column for each round, and related findings near each other."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

Position = tuple[int, float]
"""Column from 0, and row from 0 at the top."""


def lineage_layout(findings: Sequence[tuple[str, int]], edges: Iterable[tuple[str, str]]) -> dict[str, Position]:
    """Return a position for each finding.

    A column is ordered by the mean row of the findings that each one inherits from (the barycentre heuristic of
    Sugiyama, Tagawa and Toda 1981, one pass from left to right). A column depends on earlier columns only, so findings
    keep their positions while a run goes on.

    Args:
        findings: Ids and rounds, in the order of the board.
        edges: Pairs (later finding, earlier finding).
    """
    parents: dict[str, list[str]] = defaultdict(list)
    for later, earlier in edges:
        parents[later].append(earlier)
    columns: dict[int, list[str]] = defaultdict(list)
    for name, round_ in findings:
        columns[round_].append(name)
    rows: dict[str, float] = {}
    positions: dict[str, Position] = {}
    for column, round_ in enumerate(sorted(columns)):
        names = columns[round_]
        wanted = {name: _mean([rows[p] for p in parents[name] if p in rows]) for name in names}
        # A finding without a parent stays beside the one that was posted before it.
        order: list[tuple[float, int, str]] = []
        previous = 0.0
        for index, name in enumerate(names):
            row = wanted[name]
            previous = previous if row is None else row
            order.append((previous, index, name))
        for row_number, (_, _, name) in enumerate(sorted(order)):
            positions[name] = (column, float(row_number))
        rows.update({name: positions[name][1] for name in names})
    return positions


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
