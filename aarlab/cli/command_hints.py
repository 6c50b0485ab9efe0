"""Commands to copy: quoted for the shell, and never broken inside a word."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

_INDENT = "  "


@dataclass(frozen=True, slots=True)
class CommandHint:
    """A command and its purpose: on one line if both fit, else the purpose above the command.

    On a terminal, a command that is wider than the screen is continued after a backslash, as the shell reads it.
    """

    words: tuple[str, ...]
    """The command and its arguments, not quoted."""
    purpose: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield one text for each line, without wrapping."""
        command, purpose = f"{_INDENT}{shlex.join(self.words)}", f"{_INDENT}# {self.purpose}"
        if cell_len(command + purpose) <= options.max_width:
            yield _unwrapped(command, purpose)
            return
        yield _unwrapped("", purpose)
        for line in _continued(self.words, options.max_width) if console.is_terminal else [command]:
            yield _unwrapped(line)


def print_hints(console: Console, *hints: CommandHint) -> None:
    """Print commands, one below the other."""
    for hint in hints:
        console.print(hint, crop=False)


def short_path(path: Path) -> str:
    """Return the path relative to the current folder if it is inside it, else the path."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _unwrapped(command: str, comment: str = "") -> Text:
    return Text.assemble(command, (comment, "dim"), no_wrap=True, overflow="ignore")


def _continued(words: tuple[str, ...], columns: int) -> list[str]:
    """Return a command on several lines. An option and the word after it stay together."""
    groups: list[str] = []
    for word in map(shlex.quote, words):
        if groups and groups[-1].startswith("--") and " " not in groups[-1] and not word.startswith("--"):
            groups[-1] += f" {word}"
        else:
            groups.append(word)
    lines = [f"{_INDENT}{groups[0]}"]
    for group in groups[1:]:
        if cell_len(f"{lines[-1]} {group} \\") > columns:
            lines[-1] += " \\"
            lines.append(f"{_INDENT * 2}{group}")
        else:
            lines[-1] += f" {group}"
    return lines
