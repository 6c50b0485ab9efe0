"""`aarlab inbox`: the questions of all runs that wait for a person, oldest first."""

from pathlib import Path

import rich_click as click
from rich.text import Text

from aarlab.cli.command_hints import short_path
from aarlab.cli.formatting import printable
from aarlab.cli.open_questions import question_json, question_lines
from aarlab.cli.options import json_option
from aarlab.cli.output import exit_on_bad_input, print_json, stderr_console, stdout_console
from aarlab.cli.progress_bar import DelayedProgressBar
from aarlab.config import ConfigError, Fault
from aarlab.inbox_questions import inbox as questions_in


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@json_option
def inbox(folder: Path | None, as_json: bool) -> None:
    """List the questions of all runs that wait for a person, oldest first.

    FOLDER has run files, or the folders runs/ and ablations/ (default: the current folder). A run asks if its overseer
    or reviewer is `human/inbox`. Answer with `aarlab approve`, `modify`, `reject`, `advise` or `stop`, from any
    terminal, or on another machine with the file; then `aarlab resume` continues a run that has ended.
    """
    root = folder or Path()
    with exit_on_bad_input(as_json=as_json):
        if not root.is_dir():
            raise ConfigError([Fault(str(root), None, "no such folder", "a folder with runs")])
        with DelayedProgressBar(stderr_console(), delay_s=1.0) as progress_bar:
            waiting = questions_in(root, progress=progress_bar)
    if as_json:
        print_json({"questions": [question_json(one.run, one.open_question) for one in waiting]})
        return
    console = stdout_console()
    if not waiting:
        console.print("No run waits for a person here.")
    for one in waiting:
        console.print(Text(printable(short_path(one.run)), style="bold", overflow="fold"))
        for line in question_lines(one.run, one.open_question):
            console.print(line, crop=False)
        console.print()
