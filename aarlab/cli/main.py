"""The command line `aarlab COMMAND`. A command's module is imported when the command is called."""

import os
import sys
from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any

import rich_click as click

from aarlab.cli.output import Status
from aarlab.cli.output_streams import make_streams_tolerant, unwritable_output
from aarlab.cli.stop_signals import stop_signals_as_ctrl_c

COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": ("aarlab.cli.run_command:run", "Run a team of researchers and score its best method."),
    "list": ("aarlab.cli.list_command:list_", "List runs and ablations, newest first."),
    "show": (
        "aarlab.cli.show.show_command:show",
        "Show a run, a conversation, a finding, the reviews, or messages with a text.",
    ),
    "view": ("aarlab.cli.view_command:view", "Look at runs and ablations in a browser."),
    "resume": ("aarlab.cli.resume_command:resume", "Continue an interrupted run."),
    "inbox": ("aarlab.cli.inbox_command:inbox", "List the questions of all runs that wait for a person, oldest first."),
    "approve": ("aarlab.cli.answer_commands:approve", "Approve what a run asks."),
    "modify": ("aarlab.cli.answer_commands:modify", "Release only some findings, or change a tool call."),
    "reject": ("aarlab.cli.answer_commands:reject", "Reject what a run asks."),
    "advise": ("aarlab.cli.answer_commands:advise", "Approve what a run asks, and send the reason to the team."),
    "stop": ("aarlab.cli.answer_commands:stop", "End a run: score its findings and close it."),
    "pause": ("aarlab.cli.answer_commands:pause", "Pause a run after the current round."),
    "post": ("aarlab.cli.answer_commands:post", "Post a text on the board of a run."),
    "message": ("aarlab.cli.answer_commands:message", "Send a text to one researcher of a run."),
    "replay": ("aarlab.cli.replay_command:replay", "Replay a run from its recording and compare every event."),
    "fork": ("aarlab.cli.fork_command:fork", "Continue a run from one of its rounds under other settings."),
    "diff": ("aarlab.cli.diff_command:diff", "Compare two runs: events, decisions, findings, measures."),
    "check": ("aarlab.cli.check_command:check", "Check the integrity of a run file."),
    "pack": ("aarlab.cli.pack_command:pack", "Compress the messages and texts of a run file."),
    "export": (
        "aarlab.cli.export_command:export",
        "Write a run in a format that other tools read, or log runs to a tracker.",
    ),
    "import": ("aarlab.cli.import_command:import_", "Create a run file from an exported run."),
    "import-study": (
        "aarlab.cli.import_study_command:import_study",
        "Import the released results and findings of a study.",
    ),
    "ablate": ("aarlab.cli.ablate_command:ablate", "Run every arm of an ablation with every seed."),
    "studies": ("aarlab.cli.studies_command:studies", "List the published designs that can be run, or show one."),
    "report": ("aarlab.cli.report_command:report", "Report the results of an ablation or of any runs."),
    "audit": (
        "aarlab.cli.audit_command:audit",
        "Understand the best methods of a run: what they do, where they come from, what earns their score.",
    ),
    "power": ("aarlab.cli.power_command:power", "Compute detectable differences and required seeds."),
    "reproduce": ("aarlab.cli.reproduce_command:reproduce", "Reproduce published results of collective search."),
    "structure": ("aarlab.cli.structure_command:structure", "Show the dials of a structure and its compiled graphs."),
    "baselines": ("aarlab.cli.baselines_command:baselines", "Score every shipped baseline on a task."),
    "tasks": ("aarlab.cli.tasks_command:tasks", "List the tasks, show and measure one, or write a new one."),
    "data": ("aarlab.cli.data_command:data", "Prepare data of your own for a task on texts."),
    "models": ("aarlab.cli.models_command:models", "List base models and their prices, or test one."),
    "prompts": ("aarlab.cli.prompts_command:prompts", "Print the prompts and tools of every agent of a scenario."),
    "serve-tools": (
        "aarlab.cli.serve_tools_command:serve_tools",
        "Connect your own agent to a running run, over MCP.",
    ),
    "validate": ("aarlab.cli.validate_command:validate", "Check a scenario or an ablation and print all its fields."),
    "doctor": ("aarlab.cli.doctor_command:doctor", "Check this machine: sandbox, versions, folders, API keys."),
}
"""Location of each command and the first line of its help, by name, in the order of `aarlab --help`."""

click.rich_click.TEXT_PARAGRAPH_LINEBREAKS = "\n\n"
click.rich_click.STYLE_COMMANDS_TABLE_COLUMN_WIDTH_RATIO = (1, 4)
# A column of values would leave 22 of 80 characters for the explanation, and cut long names of options.
click.rich_click.OPTIONS_TABLE_COLUMN_TYPES = ["required", "opt_short", "opt_long", "help"]
click.rich_click.OPTIONS_TABLE_HELP_SECTIONS = ["help", "deprecated", "envvar", "default", "required", "metavar"]
click.rich_click.APPEND_METAVARS_HELP_STRING = "value: {}"


class LazyGroup(click.RichGroup):
    """A group that imports a command only when it is called. COMMANDS has the help texts of the group."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return a placeholder with the name and the first help line; None if there is no such command."""
        if name not in COMMANDS:
            return None
        return click.RichCommand(name=name, help=COMMANDS[name][1], add_help_option=False)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Import the command that the arguments name, and return it with its name and the other arguments."""
        name, placeholder, rest = super().resolve_command(ctx, args)
        if placeholder is None or placeholder.name is None:
            return name, placeholder, rest
        if isinstance(ctx, click.RichContext):
            # The group's own help is plain text: loading a Markdown parser takes a fifth of its time.
            ctx.help_config.text_markup, ctx.help_config.text_paragraph_linebreaks = "markdown", None
        return name, resolve_name(COMMANDS[placeholder.name][0]), rest

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Execute a command and exit. The status tells how its work ended, even if nobody can read its output."""
        make_streams_tolerant()
        if "_AARLAB_COMPLETE" in os.environ:
            resolve_name("aarlab.cli.completion:use_completion")()
        with stop_signals_as_ctrl_c():
            try:
                return super().main(*args, **kwargs)
            except KeyboardInterrupt:  # during the completion of a word, which is no command
                sys.exit(Status.STOPPED)
            except SystemExit as end:
                if (problem := unwritable_output()) is not None:
                    click.echo(f"The output could not be written: {problem}.", err=True)
                    end.code = end.code or Status.FAILED
                raise

    def invoke(self, ctx: click.Context) -> Any:
        """Import and execute the command. A signal that no command handles stops it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
            sys.exit(Status.STOPPED)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="aarlab", prog_name="aarlab")
def main() -> None:
    """Measure how much structure a team of automated researchers should be given.

    Start with `aarlab run`: nine simulated researchers work on weak-to-strong supervision for 16 research hours. It
    needs no API key and no network. Then read the conversations with `aarlab show`.

    Completion of commands, options, runs and presets: `eval "$(_AARLAB_COMPLETE=bash_source aarlab)"` in `~/.bashrc`;
    for zsh `zsh_source`, for fish `_AARLAB_COMPLETE=fish_source aarlab | source`.

    Exit status: 0 done, 1 failed, 2 bad input, 3 stopped by a budget or a person (finished work is kept),
    4 a question waits for a person (`aarlab inbox`).
    """
