"""Drawings as trees of SVG elements, which reports, notebooks and the viewer show alike.

The file `view/static/figures.css` has their style: a class for each colour, `c0` to `c9` and `cother`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from pathlib import Path
from typing import Any

from aarlab.cli.formatting import printable
from aarlab.memory.atomic_file import atomic_output

STYLE = Path(__file__).parents[1] / "view" / "static" / "figures.css"
WIDTH = 900
"""Width of a drawing in pixels."""
CHARACTER = 6.8
"""Mean width of a character of a label in pixels."""
_LINE = 20
"""Height of a line of the legend in pixels."""
_SHAPES: Mapping[str, str] = {
    "circle": "M-{r} 0a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0",
    "diamond": "M0 -{d}L{d} 0 0 {d} -{d} 0Z",
    "square": "M-{r} -{r}H{r}V{r}H-{r}Z",
    "triangle": "M0 -{d}L{d} {r}H-{d}Z",
    "cross": "M-{r} -{r}L{r} {r}M-{r} {r}L{r} -{r}",
}
SYMBOLS = tuple(_SHAPES)
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Element:
    """An SVG element: its tag, attributes and children, which are elements and texts."""

    tag: str
    attributes: Mapping[str, str | float]
    children: "tuple[Element | str, ...]" = ()

    def to_json(self) -> list[Any]:
        """Return the element as a list [tag, attributes, children], from which the viewer builds it."""
        children = [child if isinstance(child, str) else child.to_json() for child in self.children]
        return [self.tag, dict(self.attributes), children]

    def markup(self) -> str:
        """Return the element as XML. Texts are escaped."""
        attributes = "".join(f' {name}="{escape(printable(str(value)))}"' for name, value in self.attributes.items())
        inner = (escape(printable(child)) if isinstance(child, str) else child.markup() for child in self.children)
        return f"<{self.tag}{attributes}>{''.join(inner)}</{self.tag}>"


def el(tag: str, *children: Element | str, **attributes: str | float) -> Element:
    """Return an element. Underscores in names of attributes are hyphens; lengths are rounded to 0.1 pixels."""
    named = {
        name.strip("_").replace("_", "-"): round(value, 1) if isinstance(value, float) else value
        for name, value in attributes.items()
    }
    return Element(tag, named, children)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure. A notebook shows it."""

    elements: tuple[Element, ...]
    height: float
    name: str
    """What it shows, for readers of the screen."""

    @property
    def root(self) -> Element:
        """The element `svg`, without its style."""
        box = f"0 0 {WIDTH} {self.height:.0f}"
        attributes = {"class": "drawing", "role": "img", "aria-label": self.name, "viewBox": box}
        return Element("svg", {**attributes, "width": WIDTH, "height": round(self.height)}, self.elements)

    def svg(self) -> str:
        """Return an SVG file with its style."""
        style = f"{STYLE.read_text(encoding='utf-8')}svg {{ background: var(--ground); }}"
        root = Element(
            "svg",
            {"xmlns": "http://www.w3.org/2000/svg", **self.root.attributes},
            (Element("style", {}, (style,)), *self.elements),
        )
        return root.markup()

    def save(self, path: str | Path) -> None:
        """Write an SVG file; an old one is replaced. Raises OSError."""
        with atomic_output(Path(path), replace=True) as temporary:
            temporary.write_text(self.svg(), encoding="utf-8")

    def _repr_svg_(self) -> str:
        return self.svg()


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values and the range of pixels on which it is drawn."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = log10(low), log10(high), log10(value)
        return self.start + (value - low) / ((high - low) or 1.0) * (self.end - self.start)

    def ticks(self) -> list[tuple[float, str]]:
        """Return round values with their labels, about one for each 90 pixels, upwards for each 50."""
        if self.log:
            powers = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
            values = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
            return [(v, f"{v:g}") for v in values if self.low <= v <= self.high]
        spacing = 90 if self.end > self.start else 50
        rough = (self.high - self.low) / max(2.0, abs(self.end - self.start) / spacing) or 1.0
        power = 10.0 ** floor(log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
        decimals = max(0, -floor(log10(step) + 1e-9))
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [(n * step, f"{n * step:.{decimals}f}".replace("-", "\N{MINUS SIGN}")) for n in range(first, last + 1)]


def padded(values: Iterable[float], *, zero: bool = False, share: float = 0.04) -> tuple[float, float]:
    """Return the range of some values with a margin at its ends, with 0 in it if `zero` is set."""
    known = [*values, *([0.0] if zero else [])] or [0.0]
    low, high = min(known), max(known)
    margin = share * (high - low) or 0.1
    return low - margin, high + margin


def x_axis(axis: Axis, top: float, bottom: float, label: str, *, zero: bool = False) -> Element:
    """Return the lines, numbers and label of a horizontal axis; `zero` marks the line at 0."""
    lines = []
    for value, text in axis.ticks():
        x = axis(value)
        kind = "grid zero" if zero and abs(value) < 1e-9 else "grid"
        lines += [el("line", x1=x, x2=x, y1=top, y2=bottom, class_=kind)]
        lines += [el("text", text, x=x, y=bottom + 16, text_anchor="middle")]
    return el("g", *lines, el("text", label, x=axis.end, y=bottom + 34, text_anchor="end"), class_="axis")


def y_axis(axis: Axis, left: float, right: float, label: str, *, numbers: bool = True) -> Element:
    """Return the lines and numbers of a vertical axis, with its label above it."""
    lines = []
    for value, text in axis.ticks():
        y = axis(value)
        lines += [el("line", x1=left, x2=right, y1=y, y2=y, class_="grid zero" if abs(value) < 1e-9 else "grid")]
        lines += [el("text", text, x=left - 6, y=y + 4, text_anchor="end")] if numbers else []
    return el("g", *lines, el("text", label, x=left, y=axis.end - 8), class_="axis")


def path(points: Iterable[Point], *, steps: bool = False) -> str:
    """Return the path through points in pixels: straight lines, or steps that rise at their end."""
    pixels = [(round(x, 1), round(y, 1)) for x, y in points]
    if not steps:
        return "".join(f"{'L' if i else 'M'}{x} {y}" for i, (x, y) in enumerate(pixels))
    return "".join(f"H{x}V{y}" if i else f"M{x} {y}" for i, (x, y) in enumerate(pixels))


def mark(
    point: Point, colour: str, text: str = "", *, symbol: str = "circle", size: float = 5, kind: str = "solid"
) -> Element:
    """Return a mark at a point in pixels, with a text that a pointer over it shows.

    Args:
        point: Its centre.
        colour: Class of its colour.
        text: Empty: it has none.
        symbol: One of SYMBOLS.
        size: Half its width in pixels.
        kind: `solid`, `faint` or `stroke hollow`.
    """
    radius = size if symbol in ("circle", "square", "cross") else size * 0.75
    kind = "stroke" if symbol == "cross" else kind
    return el(
        "path", *([el("title", text)] if text else []), class_=f"{colour} {kind}",
        d=_SHAPES[symbol].format(r=radius, d=2 * radius if symbol == "circle" else size * 1.35),
        transform=f"translate({point[0]:.1f} {point[1]:.1f})",
    )  # fmt: skip


def legend(entries: Sequence[tuple[str, str, str]], top: float) -> tuple[list[Element], float]:
    """Return a legend of (name, class of its colour, symbol), in lines from `top` on, and its height."""
    elements: list[Element] = []
    x, y = 12.0, top + _LINE / 2
    for name, colour, symbol in entries:
        width = 34 + CHARACTER * len(name)
        if x + width > WIDTH and x > 12:
            x, y = 12.0, y + _LINE
        elements += [mark((x, y), colour, symbol=symbol), el("text", name, x=x + 12, y=y + 4)]
        x += width
    return elements, y + _LINE / 2 - top
