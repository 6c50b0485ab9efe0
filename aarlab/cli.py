"""The command line: `aarlab COMMAND`. What a command needs is imported when it runs, so that help comes at once."""

import rich_click as click

from aarlab import __version__
from aarlab.commands.ablate import ablate
from aarlab.commands.baselines import baselines
from aarlab.commands.catalogue import tasks
from aarlab.commands.check import check
from aarlab.commands.diff import diff
from aarlab.commands.doctor import doctor
from aarlab.commands.export import export
from aarlab.commands.fork import fork
from aarlab.commands.import_ import import_
from aarlab.commands.models import models
from aarlab.commands.power import power
from aarlab.commands.prompts import prompts
from aarlab.commands.replay import replay
from aarlab.commands.report import report
from aarlab.commands.resume import resume
from aarlab.commands.run import run
from aarlab.commands.show import show
from aarlab.commands.structure import structure
from aarlab.commands.validate import validate

click.rich_click.TEXT_MARKUP = "markdown"
click.rich_click.STYLE_COMMANDS_TABLE_COLUMN_WIDTH_RATIO = (1, 4)


class InOrder(click.RichGroup):
    """A group that lists its commands in the order in which they are of use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.commands)


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="aarlab")
def main() -> None:
    """A laboratory for one question: how much structure should automated researchers be given?

    Begin with `aarlab run`: nine simulated researchers work on weak-to-strong supervision for a research day. It needs
    no key and no network. Then read what they said with `aarlab show`.

    Exit status: 0 done, 1 failed, 2 bad input, 3 stopped by a budget or by a person (what was done is kept).
    """


for command in (
    run, show, resume, replay, fork, diff, check, export, import_, ablate, report, power, structure, baselines, tasks,
    models, prompts, validate, doctor,
):  # fmt: skip
    main.add_command(command)
