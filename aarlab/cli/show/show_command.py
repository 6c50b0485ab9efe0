"""`aarlab show`: a run as a person wants to read it."""

import rich_click as click

from aarlab.cli.options import exit_on_bad_input, json_option, print_chunked, print_json, stdout_console
from aarlab.cli.run_common import open_for_reading


@click.command()
@click.argument("run", required=False)
@click.option("--agent", metavar="A", help="Print this agent's conversation: its name, or a researcher's number.")
@click.option("--round", "round_", type=click.IntRange(min=0), metavar="N", help="Only this round; 0 is the briefing.")
@click.option("--full", is_flag=True, help="Shorten nothing.")
@click.option("--width", type=click.IntRange(min=40), metavar="COLUMNS", help="Width of the page.")
@json_option
def show(run: str | None, agent: str | None, round_: int | None, full: bool, width: int | None, as_json: bool) -> None:
    """Show what happened in a run: the whole of it, or one agent's conversation.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs; without it, the newest run in ./runs.
    """
    from aarlab.cli.show.display_options import DisplayOptions, find_agent
    from aarlab.config import ConfigError, Fault

    with exit_on_bad_input(as_json=as_json), open_for_reading(run) as file:
        if agent is None and round_ is not None:
            raise ConfigError([Fault("--round", None, "a round without an agent", "--agent A --round N")])
        stream = None if agent is None else find_agent(file, agent)
        if as_json:
            from aarlab.cli.show.run_json import run_as_json

            print_json(run_as_json(file, stream, round_))
            return
        console = stdout_console(width)
        options = DisplayOptions(full=full, width=console.width)
        if stream is None:
            from aarlab.cli.show.overview import overview

            print_chunked(console, overview(file, options))
        else:
            from aarlab.cli.show.conversation import conversation

            print_chunked(console, conversation(file, stream, round_, options))
