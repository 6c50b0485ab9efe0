"""The commands in README and docs exist, with their options."""

import re
import shlex
from pathlib import Path
from pkgutil import resolve_name

import click
import pytest

from aarlab.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[list[str]]:
    """Return the words of each call of aarlab in the blocks of commands of a page."""
    lines = "\n".join(BLOCK.findall(page.read_text())).replace("\\\n", " ").splitlines()
    calls = (re.search(r"(?:^|\s|/)aarlab (?![-/]).*", line) for line in lines if not line.startswith("#"))
    return [shlex.split(call[0].strip(" /"), comments=True)[1:] for call in calls if call]


def option_names(command: click.Command) -> set[str]:
    """Return the options of a command, and of the commands below it."""
    below = command.commands.values() if isinstance(command, click.Group) else ()
    own = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return own.union({"--help"}, *map(option_names, below))


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_commands_of_a_page_exist_with_their_options(page: Path) -> None:
    for words in commands(page):
        assert words[0] in COMMANDS, words
        given = {word.partition("=")[0] for word in words if re.match("--[a-z]", word)}
        missing = given - option_names(resolve_name(COMMANDS[words[0]][0]))
        assert not missing, words
