"""How parts of a page stand on it."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment


@dataclass(frozen=True, slots=True)
class Indented:
    """A part that begins further to the right. Unlike rich's Padding it is neither measured first nor filled up."""

    part: RenderableType
    columns: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield its lines, each behind a gap."""
        inner = options.update(width=max(1, options.max_width - self.columns), height=None)
        for line in console.render_lines(self.part, inner, pad=False):
            if line:
                yield Segment(" " * self.columns)
                yield from line
            yield Segment.line()
