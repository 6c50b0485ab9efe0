"""Plotly figures for reports and notebooks.

The first arm is the reference and dark grey. Every other arm has one colour in all figures. Intervals are 95 %, bands
are pointwise.
"""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from aarlab.memory.seeds import rng
from aarlab.statistics import ArmDifference, Band, Estimate, Slope

REFERENCE = "#3b3f45"
COLOURS = (
    "#2f6fab", "#c2554d", "#3c8a54", "#8a5aa8", "#b5822b", "#2a9599", "#a84a7d", "#6b7f2a", "#5b6fd0", "#8a5a44",
)  # fmt: skip
"""Neighbouring colours are distinguishable with common colour vision deficiencies. They repeat beyond ten arms."""
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x")
_GRID = "#e6e8eb"
_INK = "#1d2126"
_FAINT = "#6a717b"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_COLUMNS = 3
_ROW = 28
"""Height of a named row in pixels."""


def colours(arms: Sequence[str]) -> dict[str, str]:
    """Return the colour of each arm; the first is the reference."""
    return {arm: REFERENCE if i == 0 else COLOURS[(i - 1) % len(COLOURS)] for i, arm in enumerate(arms)}


def runs(
    values: Mapping[str, Sequence[float]],
    means: Mapping[str, Estimate],
    measure: str,
    references: Mapping[str, Estimate] = {},
) -> go.Figure:
    """Draw every run as a dot, one row per arm, and the means with their intervals.

    Args:
        values: A measure of each run, by arm.
        means: Its mean, by arm.
        measure: Name of the measure.
        references: Values of reference methods by name, drawn as lines.
    """
    arms, figure = list(values), go.Figure()
    for level, (name, reference) in enumerate(references.items()):
        figure.add_vline(x=reference.value, line={"color": _FAINT, "width": 1, "dash": "dot"})
        figure.add_annotation(
            x=reference.value, y=1, yref="paper", yanchor="bottom", yshift=13 * level, text=name, showarrow=False,
            font={"size": 11, "color": _FAINT},
        )  # fmt: skip
    for row, (arm, colour) in enumerate(colours(arms).items()):
        # Seeded jitter separates dots with the same value.
        scatter = rng("figure", "runs", len(values[arm])).uniform(-0.26, 0.26, len(values[arm]))
        figure.add_scatter(
            x=list(values[arm]), y=[row + offset for offset in scatter], mode="markers", name=escape(arm),
            marker={"color": colour, "size": 5, "opacity": 0.4}, hovertemplate="%{x:.3f}", showlegend=False,
        )  # fmt: skip
        if arm in means:
            figure.add_trace(_interval(means[arm], row, colour, escape(arm)))
    figure.update_xaxes(title=measure)
    return _rows(figure, arms)


def difference_forest(differences: Sequence[ArmDifference], significant: Sequence[bool], measure: str) -> go.Figure:
    """Draw a forest plot: differences with their intervals, one per row.

    Args:
        differences: Differences between arms.
        significant: Whether each is significant after correction; the others are drawn hollow.
        measure: Name of the measure.
    """
    return _forest({f"{d.arm} − {d.against}": d for d in differences}, significant, measure)


def named_forest(differences: Mapping[str, ArmDifference], measure: str) -> go.Figure:
    """Draw a forest plot of differences by name; filled: the uncorrected interval excludes 0."""
    ends = [difference.mean.interval or (0.0, 0.0) for difference in differences.values()]
    return _forest(differences, [low > 0 or high < 0 for low, high in ends], measure)


def _forest(by_name: Mapping[str, ArmDifference], significant: Sequence[bool], measure: str) -> go.Figure:
    figure, names, differences = go.Figure(), list(by_name), list(by_name.values())
    figure.add_vline(x=0, line={"color": _INK, "width": 1})
    for row, (difference, filled) in enumerate(zip(differences, significant, strict=True)):
        colour = COLOURS[0] if filled else _FAINT
        figure.add_trace(_interval(difference.mean, row, colour, escape(names[row]), hollow=not filled))
        figure.add_annotation(
            x=1.01, xref="paper", y=row, xanchor="left", showarrow=False, font={"size": 12, "color": _INK},
            text=_signed_estimate(difference.mean),
        )  # fmt: skip
    figure.update_xaxes(title=f"difference in {measure}")
    return _rows(figure, names, right=190)


def mean_curves(bands: Mapping[str, Band], x: str, y: str, *, steps: bool = False) -> go.Figure:
    """Draw a panel per arm with its mean over time and that of the first arm, with bands and common axes.

    Args:
        bands: By arm.
        x: Label of the time axis.
        y: Label of the value axis.
        steps: Whether to draw step functions instead of straight lines between points.
    """
    arms = list(bands)
    first, others = arms[0], arms[1:] or arms[:1]
    columns = min(_COLUMNS, len(others))
    rows = ceil(len(others) / columns)
    figure = make_subplots(
        rows, columns, shared_xaxes="all", shared_yaxes="all", subplot_titles=[escape(arm) for arm in others],
        horizontal_spacing=0.04, vertical_spacing=min(0.12, 0.3 / rows),
    )  # fmt: skip
    palette = colours(arms)
    for index, arm in enumerate(others):
        position = {"row": index // columns + 1, "col": index % columns + 1}
        for name in dict.fromkeys((first, arm)):
            for trace in _band(bands[name], palette[name], escape(name), steps=steps):
                figure.add_trace(trace, **position)
    figure.update_xaxes(title=x, row=rows)
    # In columns without a panel in the last row, the axis label is one row above.
    for index in range(len(others), rows * columns):
        figure.update_xaxes(title=x, showticklabels=True, row=rows - 1, col=index % columns + 1)
    figure.update_yaxes(title=y, col=1)
    figure.update_annotations(font={"size": 13, "color": _INK})
    return styled(figure, height=60 + 200 * rows)


def overlaid_curves(bands: Mapping[str, Band], x: str, y: str, *, log_x: bool = False) -> go.Figure:
    """Draw the mean curves of all arms with their bands in one panel.

    Args:
        bands: By arm.
        x: Label of the x axis.
        y: Label of the y axis.
        log_x: Whether the x axis is logarithmic.
    """
    figure, palette = go.Figure(), colours(list(bands))
    for arm, band in bands.items():
        figure.add_traces(_band(band, palette[arm], escape(arm), legend=True))
    figure.update_xaxes(title=x, type="log" if log_x else "linear")
    figure.update_yaxes(title=y)
    return styled(figure, height=340)


def profiles(bands: Mapping[str, Band], measure: str) -> go.Figure:
    """Draw the share of each arm's runs above each value, with a band for the first arm only."""
    figure, palette = go.Figure(), colours(list(bands))
    for index, (arm, band) in enumerate(bands.items()):
        figure.add_traces(_band(band, palette[arm], escape(arm), filled=index == 0, legend=True, steps=True))
    figure.update_xaxes(title=measure)
    figure.update_yaxes(title="share of runs above", range=[-0.02, 1.02], tickformat=".1f")
    return styled(figure, height=340)


def autonomy(points: Mapping[str, Sequence[tuple[float, float]]], line: Slope | None, measure: str) -> go.Figure:
    """Draw a measure against realised autonomy: runs (faint), means of the arms (strong) and the line between arms."""
    figure, palette = go.Figure(), colours(list(points))
    nonempty = {arm: runs for arm, runs in points.items() if runs}
    for i, (arm, arm_points) in enumerate(nonempty.items()):
        x, y = zip(*arm_points, strict=True)
        symbol, common = _SYMBOLS[(i // len(COLOURS)) % len(_SYMBOLS)], {"mode": "markers", "name": escape(arm)}
        figure.add_scatter(
            x=x, y=y, **common, showlegend=False, hovertemplate="%{x:.2f}, %{y:.3f}",
            marker={"color": palette[arm], "size": 5, "opacity": 0.3, "symbol": symbol},
        )  # fmt: skip
        figure.add_scatter(
            x=[sum(x) / len(x)], y=[sum(y) / len(y)], **common, hovertemplate="mean %{x:.2f}, %{y:.3f}",
            marker={"color": palette[arm], "size": 12, "symbol": symbol, "line": {"color": "white", "width": 1.5}},
        )  # fmt: skip
    if line is not None and line.intercept is not None:
        ends = [
            min(x for arm_points in nonempty.values() for x, _ in arm_points),
            max(x for arm_points in nonempty.values() for x, _ in arm_points),
        ]
        figure.add_scatter(
            x=ends, y=[line.intercept + line.slope * x for x in ends], mode="lines", name="between arms",
            line={"color": _FAINT, "width": 1, "dash": "dash"}, hoverinfo="skip",
        )  # fmt: skip
    figure.update_xaxes(title="realised autonomy", tickformat=".1f")
    figure.update_yaxes(title=measure)
    return styled(figure, height=380)


def panels(scores: Mapping[str, Mapping[str, Estimate]]) -> go.Figure:
    """Draw each arm's mean PGR on every panel of worlds, with intervals."""
    arms, figure = list(scores), go.Figure()
    names = list(dict.fromkeys(panel for panels_of_arm in scores.values() for panel in panels_of_arm))
    for index, panel in enumerate(names):
        offset = 0.6 * (index - (len(names) - 1) / 2) / max(len(names), 2)
        colour, symbol = (REFERENCE, *COLOURS)[index % (len(COLOURS) + 1)], _SYMBOLS[index % len(_SYMBOLS)]
        for row, arm in enumerate(arms):
            if panel in scores[arm]:
                trace = _interval(scores[arm][panel], row + offset, colour, panel, symbol=symbol, size=8)
                figure.add_trace(trace.update(legendgroup=panel))
        _legend(figure, panel, colour, symbol)
    figure.add_vline(x=0, line={"color": _GRID, "width": 2})
    figure.update_xaxes(title="PGR")
    return _rows(figure, arms, row=max(_ROW, 9 * len(names) + 8), legend=True)


def _signed_estimate(estimate: Estimate) -> str:
    """Return a difference with its interval, if it has one."""
    if estimate.interval is None:
        return _signed(estimate.value)
    low, high = estimate.interval
    return f"{_signed(estimate.value)} ({_signed(low)} to {_signed(high)})"


def _signed(value: float) -> str:
    rounded = round(value, 3)
    return f"{rounded:+.3f}".replace("-", "\N{MINUS SIGN}") if rounded else "0.000"


def _legend(figure: go.Figure, name: str, colour: str, symbol: str) -> None:
    marker = {"color": colour, "symbol": symbol, "size": 8}
    figure.add_scatter(x=[None], y=[None], mode="markers", name=name, legendgroup=name, marker=marker)


def _interval(
    estimate: Estimate,
    row: float,
    colour: str,
    name: str,
    *,
    hollow: bool = False,
    symbol: str = "circle",
    size: int = 10,
) -> go.Scatter:
    low, high = estimate.interval or (estimate.value, estimate.value)
    return go.Scatter(
        x=[estimate.value], y=[row], mode="markers", name=name, showlegend=False,
        marker={
            "color": "white" if hollow else colour, "size": size, "symbol": symbol,
            "line": {"color": colour, "width": 1.5},
        },
        error_x={
            "type": "data", "symmetric": False, "array": [high - estimate.value], "arrayminus": [estimate.value - low],
            "color": colour, "thickness": 1.8, "width": 0,
        },
        hovertemplate="%{x:.3f}" + ("" if estimate.interval is None else f" ({low:.3f} to {high:.3f})"),
    )  # fmt: skip


def _band(
    band: Band, colour: str, name: str, *, filled: bool = True, legend: bool = False, steps: bool = False
) -> list[go.Scatter]:
    shape = "hv" if steps else "linear"
    line = go.Scatter(
        x=band.x, y=band.mean, mode="lines", name=name, line={"color": colour, "width": 2, "shape": shape},
        showlegend=legend, hovertemplate="%{x:.1f}: %{y:.3f}",
    )  # fmt: skip
    if not filled or band.runs < 2:
        return [line]
    edge = {
        "x": band.x,
        "mode": "lines",
        "line": {"width": 0, "shape": shape},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    inside = {"fill": "tonexty", "fillcolor": f"rgba({red},{green},{blue},0.13)"}
    return [go.Scatter(y=band.low, **edge), go.Scatter(y=band.high, **edge, **inside), line]


def _rows(
    figure: go.Figure, names: Sequence[str], *, row: int = _ROW, right: int = 20, legend: bool = False
) -> go.Figure:
    """Label the rows of a figure, the first at the top."""
    left = min(260, 24 + 7 * max((len(name) for name in names), default=0))
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=[escape(_cut(name)) for name in names],
        range=[len(names) - 0.5, -0.5], showgrid=False, ticks="",
    )  # fmt: skip
    height = row * max(len(names), 2) + (104 if legend else 84)
    return styled(figure, height=height).update_layout(margin={"l": left, "r": right})


def _cut(name: str) -> str:
    return name if len(name) <= 36 else f"{name[:35]}…"


def styled(figure: go.Figure, *, height: int) -> go.Figure:
    """Apply the common style to a figure."""
    axis: dict[str, Any] = {"gridcolor": _GRID, "zeroline": False, "linecolor": _GRID, "title_font": {"size": 12.5}}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure.update_layout(
        template="none", height=height, paper_bgcolor="white", plot_bgcolor="white", hovermode="closest",
        font={"family": _FONT, "size": 12.5, "color": _INK}, margin={"l": 56, "r": 20, "t": 34, "b": 48},
        legend={"orientation": "h", "traceorder": "normal", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
