"""`aarlab show`: a run as a person wants to read it."""

import rich_click as click

from aarlab.commands.shared import bad_input_explained, json_option, print_json, print_parts, stdout_console
from aarlab.commands.work import opened


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
    from aarlab.config import ConfigError, Fault
    from aarlab.show.reading import Reading, agent_named

    with bad_input_explained(as_json=as_json), opened(run) as file:
        if agent is None and round_ is not None:
            raise ConfigError([Fault("--round", None, "a round without an agent", "--agent A --round N")])
        stream = None if agent is None else agent_named(file, agent)
        if as_json:
            from aarlab.show.export import run_as_json

            print_json(run_as_json(file, stream, round_))
            return
        console = stdout_console(width)
        reading = Reading(full=full, width=console.width)
        if stream is None:
            from aarlab.show.overview import overview

            print_parts(console, overview(file, reading))
        else:
            from aarlab.show.conversation import conversation

            print_parts(console, conversation(file, stream, round_, reading))
