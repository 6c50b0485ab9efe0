"""Indentation of parts of a page."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment


@dataclass(frozen=True, slots=True)
class Indented:
    """A part indented by some columns. Faster than rich's Padding, which measures its content and pads every line."""

    part: RenderableType
    columns: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the indented lines."""
        inner = options.update(width=max(1, options.max_width - self.columns), height=None)
        for line in console.render_lines(self.part, inner, pad=False):
            if line:
                yield Segment(" " * self.columns)
                yield from line
            yield Segment.line()


@dataclass(frozen=True, slots=True)
class WrappedText:
    """A text of any length, wrapped between any two characters. Much faster than rich's Text."""

    text: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines."""
        # Some characters take two columns.
        width = options.max_width if self.text.isascii() else max(options.max_width // 2, 1)
        for line in self.text.expandtabs().split("\n"):
            for start in range(0, max(len(line), 1), width):
                yield Segment(line[start : start + width])
                yield Segment.line()
