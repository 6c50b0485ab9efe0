"""Indentation of parts of a page."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment


@dataclass(frozen=True, slots=True)
class Indented:
    """A part indented by some columns. Faster than rich's Padding, which measures its content and pads every line."""

    part: RenderableType
    columns: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the indented lines."""
        match self.part:
            case Group(renderables=parts):
                yield from (Indented(part, self.columns) for part in parts)
                return
            case Indented(part=part, columns=columns):
                yield Indented(part, self.columns + columns)
                return
            case WrappedText() as text:
                # In one segment: rich would take seconds to put the lines of a megabyte together.
                lines = text.lines(max(1, options.max_width - self.columns))
                yield Segment("".join(f"{' ' * self.columns}{line}\n" if line else "\n" for line in lines))
                return
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
        yield Segment("".join(f"{line}\n" for line in self.lines(options.max_width)))

    def lines(self, max_width: int) -> Iterator[str]:
        """Yield the lines of at most this width."""
        # Some characters take two columns.
        width = max_width if self.text.isascii() else max(max_width // 2, 1)
        for line in self.text.expandtabs().split("\n"):
            if len(line) <= width:
                yield line
            else:
                yield from (line[start : start + width] for start in range(0, len(line), width))
