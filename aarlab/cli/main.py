"""The command line: `aarlab COMMAND`. What a command needs is imported when it runs, so that help comes at once."""

import rich_click as click

from aarlab import __version__
from aarlab.cli.ablate_command import ablate
from aarlab.cli.baselines_command import baselines
from aarlab.cli.check_command import check
from aarlab.cli.diff_command import diff
from aarlab.cli.doctor_command import doctor
from aarlab.cli.export_command import export
from aarlab.cli.fork_command import fork
from aarlab.cli.import_command import import_
from aarlab.cli.models_command import models
from aarlab.cli.power_command import power
from aarlab.cli.prompts_command import prompts
from aarlab.cli.replay_command import replay
from aarlab.cli.report_command import report
from aarlab.cli.resume_command import resume
from aarlab.cli.run_command import run
from aarlab.cli.show.show_command import show
from aarlab.cli.structure_command import structure
from aarlab.cli.tasks_command import tasks
from aarlab.cli.validate_command import validate

click.rich_click.TEXT_MARKUP = "markdown"
click.rich_click.STYLE_COMMANDS_TABLE_COLUMN_WIDTH_RATIO = (1, 4)


class LazyGroup(click.RichGroup):
    """A group that lists its commands in the order in which they are of use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.commands)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
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
