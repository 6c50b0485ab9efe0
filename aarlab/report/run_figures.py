"""Figures of a single run: what each researcher did over time, how findings inherit, and the best score so far."""

from collections.abc import Sequence
from html import escape
from itertools import accumulate
from typing import Any

import networkx as nx
import plotly.graph_objects as go

from aarlab.report.figures import COLOURS, REFERENCE, styled

Row = dict[str, Any]
_SYMBOLS = {"smoke": "line-ns-open", "pilot": "circle-open", "full": "circle"}


def timeline(agents: Sequence[str], experiments: Sequence[Row], findings: Sequence[Row]) -> go.Figure:
    """Draw a row per researcher with its experiments and findings over its research hours.

    Args:
        agents: Names of the researchers.
        experiments: Rows with agent, hours, fidelity, pgr and id.
        findings: Rows with author, hours, id and title.
    """
    figure = go.Figure()
    for fidelity, symbol in _SYMBOLS.items():
        own = [row for row in experiments if row["fidelity"] == fidelity and row["agent"] in agents]
        figure.add_scatter(
            x=[row["hours"] for row in own], y=[agents.index(row["agent"]) for row in own], mode="markers",
            name=f"{fidelity} experiment", marker={"symbol": symbol, "size": 9, "color": COLOURS[0]},
            text=[f"{row['id']}: {'no score' if row['pgr'] is None else row['pgr']}" for row in own],
            hovertemplate="%{text}, %{x:.1f} h",
        )  # fmt: skip
    posted = [row for row in findings if row["author"] in agents]
    figure.add_scatter(
        x=[row["hours"] for row in posted], y=[agents.index(row["author"]) - 0.28 for row in posted], mode="markers",
        name="finding", marker={"symbol": "triangle-down", "size": 8, "color": COLOURS[1]},
        text=[escape(f"{row['id']} {row['title']}") for row in posted], hovertemplate="%{text}, %{x:.1f} h",
    )  # fmt: skip
    figure.update_yaxes(
        tickvals=list(range(len(agents))), ticktext=list(agents), range=[len(agents) - 0.4, -0.6], showgrid=True
    )
    figure.update_xaxes(title="research hours of the researcher", rangemode="tozero")
    return styled(figure, height=110 + 34 * max(len(agents), 2))


def lineage(graph: "nx.MultiDiGraph[str]", winner: str | None) -> go.Figure:
    """Draw findings by round and author, with lines to the findings that they inherit from or criticise.

    Args:
        graph: As `aarlab.memory.lineage.lineage` returns it.
        winner: Id of the finding that won.
    """
    nodes = {node: data for node, data in graph.nodes(data=True) if data.get("type") != "agent"}
    authors = list(dict.fromkeys(data["author"] for data in nodes.values()))
    place = _places(nodes, authors)
    figure = go.Figure()
    relations = dict.fromkeys(data["relation"] for *_, data in graph.edges(data=True))
    for colour, relation in zip((*COLOURS, *COLOURS), relations, strict=False):
        xs: list[float | None] = []
        ys: list[float | None] = []
        for source, target, data in graph.edges(data=True):
            if data["relation"] == relation and source in place and target in place:
                xs += [place[source][0], place[target][0], None]
                ys += [place[source][1], place[target][1], None]
        if xs:
            line = {"color": colour, "width": 1.2}
            figure.add_scatter(x=xs, y=ys, mode="lines", name=relation, line=line, hoverinfo="skip")
    for name, chosen in (("finding", [n for n in nodes if n != winner]), ("winner", [n for n in nodes if n == winner])):
        marker = {"size": 14 if name == "winner" else 8, "symbol": "star" if name == "winner" else "circle"}
        figure.add_scatter(
            x=[place[node][0] for node in chosen], y=[place[node][1] for node in chosen], mode="markers", name=name,
            marker={**marker, "color": COLOURS[1] if name == "winner" else REFERENCE},
            text=[escape(f"{node} {nodes[node]['title']}") for node in chosen], hovertemplate="%{text}",
        )  # fmt: skip
    figure.update_yaxes(tickvals=list(range(len(authors))), ticktext=authors, range=[len(authors) - 0.4, -0.6])
    figure.update_xaxes(title="round", dtick=1)
    return styled(figure, height=130 + 34 * max(len(authors), 2))


def _places(nodes: dict[str, Any], authors: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return a position for each finding; findings of one author in one round are beside each other."""
    groups: dict[tuple[int, str], list[str]] = {}
    for node, data in nodes.items():
        groups.setdefault((data["round"], data["author"]), []).append(node)
    return {
        node: (round_ + 0.8 * number / max(len(members), 5), float(authors.index(author)))
        for (round_, author), members in groups.items()
        for number, node in enumerate(members)
    }


def best_so_far_curve(steps: Sequence[tuple[float, float]], end: float, score: str) -> go.Figure:
    """Draw the best development score so far over the research hours of the team, as (hours, score) steps."""
    points = [(0.0, 0.0), *steps]
    best = list(accumulate((value for _, value in points), max))
    x, y = [*(hours for hours, _ in points), end], [*best, best[-1]]
    figure = go.Figure()
    figure.add_scatter(x=x, y=y, mode="lines", line={"shape": "hv", "color": COLOURS[0], "width": 2}, showlegend=False)
    figure.update_xaxes(title="research hours of the team", rangemode="tozero")
    figure.update_yaxes(title=f"best development {score}", rangemode="tozero")
    return styled(figure, height=280)
