"""Figures of ablations for reports, notebooks and the viewer.

The first arm is the reference and grey. Every other arm has one colour in all figures. Intervals are 95 %, bands are
pointwise.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import ceil

from aarlab.memory.seeds import rng
from aarlab.report.drawing import (
    CHARACTER,
    SYMBOLS,
    WIDTH,
    Axis,
    Drawing,
    Element,
    Point,
    el,
    legend,
    mark,
    padded,
    path,
    x_axis,
    y_axis,
)
from aarlab.statistics import ArmDifference, Band, Estimate, Slope

REFERENCE = "cother"
_N_COLOURS = 10
_COLUMNS = 3
_ROW = 28
"""Height of a named row in pixels."""
_BELOW = 44
"""Height of a horizontal axis with its numbers and its label in pixels."""
_LEFT, _RIGHT = 46, 16
_MAX_NAME = 36


def colours(arms: Sequence[str]) -> dict[str, str]:
    """Return the class of the colour of each arm; the first is the reference. Colours repeat beyond eleven arms."""
    return {arm: REFERENCE if i == 0 else f"c{(i - 1) % _N_COLOURS}" for i, arm in enumerate(arms)}


def runs(
    values: Mapping[str, Sequence[float]],
    means: Mapping[str, Estimate],
    measure: str,
    references: Mapping[str, Estimate] = {},
) -> Drawing:
    """Draw every run as a dot, one row per arm, and the means with their intervals.

    Args:
        values: A measure of each run, by arm.
        means: Its mean, by arm.
        measure: Name of the measure.
        references: Values of reference methods by name, drawn as lines.
    """
    lines = [(name, reference.value) for name, reference in references.items()]
    numbers = [value for arm_values in values.values() for value in arm_values]
    ends = [end for mean in means.values() for end in _ends(mean)]
    rows = _Rows(list(values), [*numbers, *ends, *(value for _, value in lines)], measure, top=16.0 * len(lines) + 6)
    marks: list[Element] = []
    for level, (name, value) in enumerate(lines):
        y = 16.0 * level + 12
        anchor = "end" if rows.x(value) > WIDTH * 0.7 else "start"
        marks.append(el("line", x1=rows.x(value), x2=rows.x(value), y1=y + 3, y2=rows.bottom))
        marks.append(el("text", name, x=rows.x(value), y=y, text_anchor=anchor))
    group = el("g", *marks, class_="reference")
    marks = []
    for row, (arm, colour) in enumerate(colours(list(values)).items()):
        # Seeded jitter separates dots with the same value.
        jitter = rng("figure", "runs", len(values[arm])).uniform(-0.26, 0.26, len(values[arm]))
        for value, offset in zip(values[arm], jitter, strict=True):
            marks.append(
                mark((rows.x(value), rows.y(row + float(offset))), colour, f"{value:.3f}", size=2.5, kind="faint")
            )
        if arm in means:
            marks.append(rows.interval(means[arm], row, colour))
    return rows.drawing([group, *marks], f"{measure} of every run, and the means of the arms. {_said(means)}")


def difference_forest(differences: Sequence[ArmDifference], significant: Sequence[bool], measure: str) -> Drawing:
    """Draw a forest plot: differences with their intervals, one per row.

    Args:
        differences: Differences between arms.
        significant: Whether each is significant after correction; the others are drawn hollow.
        measure: Name of the measure.
    """
    return _forest({f"{d.arm} − {d.against}": d for d in differences}, significant, measure)


def estimates_forest(estimates: Mapping[str, Estimate], measure: str) -> Drawing:
    """Draw a forest plot of estimates by name; filled: the interval excludes 0."""
    ends = [estimate.interval or (0.0, 0.0) for estimate in estimates.values()]
    return _estimates(estimates, [low > 0 or high < 0 for low, high in ends], measure)


def named_forest(differences: Mapping[str, ArmDifference], measure: str) -> Drawing:
    """Draw a forest plot of differences by name; filled: the uncorrected interval excludes 0."""
    ends = [difference.mean.interval or (0.0, 0.0) for difference in differences.values()]
    return _forest(differences, [low > 0 or high < 0 for low, high in ends], measure)


def _forest(by_name: Mapping[str, ArmDifference], significant: Sequence[bool], measure: str) -> Drawing:
    estimates = {name: difference.mean for name, difference in by_name.items()}
    return _estimates(estimates, significant, f"difference in {measure}")


def _estimates(estimates: Mapping[str, Estimate], significant: Sequence[bool], measure: str) -> Drawing:
    ends = [end for mean in estimates.values() for end in _ends(mean)]
    rows = _Rows(list(estimates), [0.0, *ends], measure, right=194, zero=True)
    marks: list[Element] = []
    for row, (mean, filled) in enumerate(zip(estimates.values(), significant, strict=True)):
        marks.append(rows.interval(mean, row, "c0" if filled else REFERENCE, hollow=not filled))
        marks.append(el("text", _signed_estimate(mean), x=WIDTH - 182, y=rows.y(row) + 4))
    return rows.drawing(marks, f"{measure}. {_said(estimates)}")


def panels(scores: Mapping[str, Mapping[str, Estimate]], score_name: str) -> Drawing:
    """Draw each arm's mean score on every panel of worlds, with intervals."""
    names = list(dict.fromkeys(panel for of_arm in scores.values() for panel in of_arm))
    styles = {
        panel: ((REFERENCE, *(f"c{n}" for n in range(_N_COLOURS)))[i % (_N_COLOURS + 1)], SYMBOLS[i % len(SYMBOLS)])
        for i, panel in enumerate(names)
    }
    key, height = legend([(panel, *styles[panel]) for panel in names], 0)
    ends = [end for of_arm in scores.values() for estimate in of_arm.values() for end in _ends(estimate)]
    rows = _Rows(list(scores), [0.0, *ends], score_name, zero=True, top=height + 4, row=max(_ROW, 9 * len(names) + 8))
    marks = []
    for row, of_arm in enumerate(scores.values()):
        for panel, estimate in of_arm.items():
            offset = 0.6 * (names.index(panel) - (len(names) - 1) / 2) / max(len(names), 2)
            colour, symbol = styles[panel]
            marks.append(rows.interval(estimate, row + offset, colour, symbol=symbol, text=f"{panel} "))
    return rows.drawing([*key, *marks], f"{score_name} on each panel of worlds, by arm")


class _Rows:
    """A figure with named rows, the first at the top, over a common axis."""

    def __init__(
        self, names: Sequence[str], values: Sequence[float], label: str, *, right: float = _RIGHT, zero: bool = False,
        top: float = 6, row: float = _ROW,
    ) -> None:  # fmt: skip
        self._names, self._label, self._zero, self._top, self._row = names, label, zero, top, row
        left = 20 + CHARACTER * min(_MAX_NAME, max((len(name) for name in names), default=0))
        self.bottom = top + row * len(names)
        self.x = Axis(*padded(values), left, WIDTH - right)

    def y(self, row: float) -> float:
        """Return the pixel of the middle of a row."""
        return self._top + self._row * (row + 0.5)

    def interval(
        self,
        estimate: Estimate,
        row: float,
        colour: str,
        *,
        hollow: bool = False,
        symbol: str = "circle",
        text: str = "",
    ) -> Element:
        """Return a mark with its interval."""
        low, high = _ends(estimate)
        kind = "stroke hollow" if hollow else "solid"
        y = self.y(row)
        line = el("path", class_=f"{colour} stroke", d=path([(self.x(low), y), (self.x(high), y)]))
        shown = text + _estimate(estimate)
        return el("g", line, mark((self.x(estimate.value), y), colour, shown, symbol=symbol, kind=kind))

    def drawing(self, marks: Sequence[Element], said: str) -> Drawing:
        """Return the figure with its axis and the names of the rows."""
        names = [
            el("text", el("title", name), _cut(name), x=self.x.start - 12, y=self.y(row) + 4, text_anchor="end")
            for row, name in enumerate(self._names)
        ]
        axis = x_axis(self.x, self._top, self.bottom, self._label, zero=self._zero)
        return Drawing((axis, *names, *marks), self.bottom + _BELOW, said)


def mean_curves(bands: Mapping[str, Band], x: str, y: str, *, steps: bool = False) -> Drawing:
    """Draw a panel per arm with its mean over time and that of the first arm, with bands and common axes.

    Args:
        bands: By arm.
        x: Label of the time axis.
        y: Label of the value axis.
        steps: Whether to draw step functions instead of straight lines between points.
    """
    arms, palette = list(bands), colours(list(bands))
    first, others = arms[0], arms[1:] or arms[:1]
    columns = min(_COLUMNS, len(others))
    width, height = (WIDTH - _LEFT) / columns, 170 if len(others) > 1 else 260
    elements, ranges = list[Element](), _ranges(bands)
    for index, arm in enumerate(others):
        row, column = divmod(index, columns)
        left, top = _LEFT + width * column, 44 + (height + 66) * row
        chart = _Chart(ranges, top, height, left=left, right=left + width - _RIGHT)
        # The panels have common axes, so only the first column has numbers.
        axes = chart.axes(x, y if index == 0 else "", numbers=column == 0)
        curves = [chart.band(bands[name], palette[name], name, steps=steps) for name in dict.fromkeys((first, arm))]
        elements += [
            *axes,
            *curves,
            el("text", _cut(arm), x=left + (width - _RIGHT) / 2, y=top - 24, text_anchor="middle"),
        ]
    n_rows = ceil(len(others) / columns)
    return Drawing(tuple(elements), 44 + (height + 66) * n_rows, f"{y} over {x}. {_ends_of(bands)}")


def overlaid_curves(bands: Mapping[str, Band], x: str, y: str, *, log_x: bool = False) -> Drawing:
    """Draw the mean curves of all arms with their bands in one panel.

    Args:
        bands: By arm.
        x: Label of the x axis.
        y: Label of the y axis.
        log_x: Whether the x axis is logarithmic.
    """
    chart, key = _with_legend(bands, log_x=log_x)
    curves = [chart.band(bands[arm], colour, arm) for arm, colour in colours(list(bands)).items()]
    return chart.drawing([*key, *curves], x, y, f"{y} over {x}. {_ends_of(bands)}")


def profiles(bands: Mapping[str, Band], measure: str) -> Drawing:
    """Draw the share of each arm's runs above each value, with a band for the first arm only."""
    chart, key = _with_legend(bands)
    curves = [
        chart.band(bands[arm], colour, arm, filled=index == 0, steps=True)
        for index, (arm, colour) in enumerate(colours(list(bands)).items())
    ]
    return chart.drawing([*key, *curves], measure, "share of runs above", f"share of runs above each {measure}, by arm")


def autonomy(points: Mapping[str, Sequence[Point]], line: Slope | None, measure: str) -> Drawing:
    """Draw a measure against realised autonomy: runs (faint), means of the arms (strong) and the line between arms."""
    palette, everything = colours(list(points)), [point for of_arm in points.values() for point in of_arm]
    symbols = {arm: SYMBOLS[(i // _N_COLOURS) % len(SYMBOLS)] for i, arm in enumerate(points)}
    key, height = legend([(arm, palette[arm], symbols[arm]) for arm in points], 0)
    ends = min(x for x, _ in everything), max(x for x, _ in everything)
    chart = _Chart((padded(ends), padded([y for _, y in everything])), height + 24, 280)
    marks: list[Element] = []
    for arm, of_arm in points.items():
        at = {"colour": palette[arm], "symbol": symbols[arm]}
        for x, y in of_arm:
            marks.append(mark(chart((x, y)), text=f"{arm}: {x:.2f}, {y:.3f}", size=3, kind="faint", **at))
        if of_arm:
            x, y = (sum(values) / len(values) for values in zip(*of_arm, strict=True))
            marks.append(mark(chart((x, y)), text=f"{arm}, mean: {x:.2f}, {y:.3f}", size=6, **at))
    if line is not None and line.intercept is not None:
        fitted = path([chart((x, line.intercept + line.slope * x)) for x in ends])
        marks.append(el("path", el("title", "between arms"), class_="stroke dashed", d=fitted))
    return chart.drawing([*key, *marks], "realised autonomy", measure, f"{measure} against realised autonomy")


def audit_frontier(points: Mapping[str, Sequence[tuple[float, float, float]]], score: str) -> Drawing:
    """Draw safety against usefulness: a line per evaluation mode with a point per audit budget.

    Args:
        points: (budget, share of runs with cheating let through, PGR of accepted honest winners), by evaluation mode.
        score: Name of the score.
    """
    palette = {mode: f"c{i % _N_COLOURS}" for i, mode in enumerate(points)}
    key, height = legend([(mode, colour, "circle") for mode, colour in palette.items()], 0)
    everything = [point for line in points.values() for point in line]
    ranges = padded([x for _, x, _ in everything], zero=True), padded([y for *_, y in everything])
    chart = _Chart(ranges, height + 24)
    marks: list[Element] = []
    for mode, line in points.items():
        places = [chart((x, y)) for _, x, y in line]
        marks.append(el("path", class_=f"curve {palette[mode]}", d=path(places)))
        for (budget, x, y), (left, top) in zip(line, places, strict=True):
            marks.append(mark((left, top), palette[mode], f"{mode}, {budget:.0%} audited: {x:.2f}, {y:.3f}", size=4.5))
            marks.append(el("text", f"{budget:.0%}", x=left, y=top - 9, text_anchor="middle"))
    label = "share of runs won by cheating after the audit"
    return chart.drawing(
        [*key, *marks], label, f"{score} of the other winners", f"{score} of the other winners, by {label}"
    )


def detection_areas(
    side_tasks: Sequence[str], monitors: Sequence[str], areas: Mapping[tuple[str, str], float]
) -> Drawing:
    """Draw the area under the ROC curve of each monitor (columns) for each side task (rows): blue above chance."""
    left = 20 + CHARACTER * max(len(name) for name in side_tasks)
    top = 16 + 0.6 * CHARACTER * max(len(name) for name in monitors)
    # The labels of the columns lean to the right.
    width = min(90.0, (WIDTH - left - top - 10) / len(monitors))
    elements: list[Element] = []
    for column, monitor in enumerate(monitors):
        x = left + width * (column + 0.5)
        elements.append(el("text", monitor, transform=f"translate({x:.1f} {top - 6:.1f}) rotate(-35)"))
    for row, side_task in enumerate(side_tasks):
        y = top + _ROW * row
        elements.append(el("text", side_task, x=left - 10, y=y + _ROW / 2 + 4, text_anchor="end"))
        for column, monitor in enumerate(monitors):
            area, x = areas[side_task, monitor], left + width * column
            shade = f"{min(0.6, 1.2 * abs(area - 0.5)):.2f}"
            colour = "c0" if area >= 0.5 else "c1"
            cell = el("rect", x=x, y=y, width=width - 2, height=_ROW - 2, class_=f"{colour} solid", fill_opacity=shade)
            text = el("text", f"{area:.2f}", x=x + width / 2 - 1, y=y + _ROW / 2 + 4, text_anchor="middle")
            elements.append(el("g", el("title", f"{side_task}, {monitor}: {area:.3f}"), cell, text))
    return Drawing(
        tuple(elements), top + _ROW * len(side_tasks) + 6, "Area under the ROC curve by side task and monitor"
    )


class _Chart:
    """A panel with two axes."""

    def __init__(
        self, ranges: tuple[Point, Point], top: float, height: float = 240, *, left: float = _LEFT,
        right: float = WIDTH - _RIGHT, log_x: bool = False,
    ) -> None:  # fmt: skip
        across, up = ranges
        self.x, self.y = Axis(*across, left, right, log_x), Axis(*up, top + height, top)

    def __call__(self, point: Point) -> Point:
        """Return the pixels of a point."""
        return self.x(point[0]), self.y(point[1])

    def band(self, band: Band, colour: str, name: str, *, filled: bool = True, steps: bool = False) -> Element:
        """Return a curve, with its band if it is the mean of several runs."""
        xs = band.x.tolist()
        points = {
            edge: [self((x, y)) for x, y in zip(xs, values.tolist(), strict=True)]
            for edge, values in (("low", band.low), ("mean", band.mean), ("high", band.high))
        }
        parts = [el("path", el("title", name), class_="curve", d=path(points["mean"], steps=steps))]
        if filled and band.runs > 1:
            around = (
                _stairs(points["low"]) + _stairs(points["high"])[::-1]
                if steps
                else points["low"] + points["high"][::-1]
            )
            parts.insert(0, el("path", class_="band", d=f"{path(around)}Z"))
        return el("g", *parts, class_=colour)

    def axes(self, x: str, y: str, *, numbers: bool = True) -> list[Element]:
        """Return the axes."""
        horizontal = x_axis(self.x, self.y.end, self.y.start, x)
        return [horizontal, y_axis(self.y, self.x.start, self.x.end, y, numbers=numbers)]

    def drawing(self, marks: Sequence[Element], x: str, y: str, said: str) -> Drawing:
        """Return the figure with its axes."""
        return Drawing((*self.axes(x, y), *marks), self.y.start + _BELOW, said)


def _with_legend(bands: Mapping[str, Band], *, log_x: bool = False) -> tuple[_Chart, list[Element]]:
    palette = colours(list(bands))
    key, height = legend([(arm, colour, "circle") for arm, colour in palette.items()], 0)
    return _Chart(_ranges(bands), height + 24, log_x=log_x), key


def _ranges(bands: Mapping[str, Band]) -> tuple[Point, Point]:
    xs = [float(value) for band in bands.values() for value in (band.x[0], band.x[-1])]
    ys = [float(end) for band in bands.values() for end in (band.low.min(), band.high.max())]
    return (min(xs), max(xs)), padded(ys)


def _stairs(points: Sequence[Point]) -> list[Point]:
    """Return the corners of a step function through points."""
    corners = [(x, y) for (_, y), (x, _) in pairwise(points)]
    return [point for pair in zip(points, corners, strict=False) for point in pair] + [points[-1]]


def _ends(estimate: Estimate) -> Point:
    return estimate.interval or (estimate.value, estimate.value)


def _estimate(estimate: Estimate) -> str:
    low, high = _ends(estimate)
    return f"{estimate.value:.3f}" + ("" if estimate.interval is None else f" ({low:.3f} to {high:.3f})")


def _signed_estimate(estimate: Estimate) -> str:
    """Return a difference with its interval, if it has one."""
    if estimate.interval is None:
        return _signed(estimate.value)
    low, high = estimate.interval
    return f"{_signed(estimate.value)} ({_signed(low)} to {_signed(high)})"


def _signed(value: float) -> str:
    rounded = round(value, 3)
    return f"{rounded:+.3f}".replace("-", "\N{MINUS SIGN}") if rounded else "0.000"


def _said(estimates: Mapping[str, Estimate]) -> str:
    return "; ".join(f"{name}: {_estimate(estimate)}" for name, estimate in estimates.items())


def _ends_of(bands: Mapping[str, Band]) -> str:
    return "At the end: " + ", ".join(f"{arm} {float(band.mean[-1]):.2f}" for arm, band in bands.items())


def _cut(name: str) -> str:
    return name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 1]}…"
