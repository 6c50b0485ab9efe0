"""`aarlab show`: an overview of a run, or the conversation of one agent."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import rich_click as click
from rich.text import Text

from aarlab.cli.completion import complete_run
from aarlab.cli.options import json_option
from aarlab.cli.output import exit_on_bad_input, print_chunked, print_json, stdout_console
from aarlab.cli.recorded_run import open_for_reading, warn_if_altered, warn_if_known_altered
from aarlab.cli.show.conversation import conversation
from aarlab.cli.show.display_options import DisplayOptions, find_agent
from aarlab.cli.show.selections import finding_json, finding_page, matches, matches_page, reviews_json, reviews_page
from aarlab.cli.view_command import write_page
from aarlab.config import ConfigError, Fault
from aarlab.config.run_lookup import find_run
from aarlab.memory.events import LogEntry, ModelCall, Prompted
from aarlab.memory.run_reader import RunReader


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--agent", metavar="A", help="Print the conversation of this agent: a name, or a researcher's number.")
@click.option("--round", "round_", type=click.IntRange(min=0), metavar="N", help="Only this round; 0 is the setup.")
@click.option("--finding", metavar="ID", help="Print one finding with its scores, edges and code.")
@click.option("--reviews", "only_reviews", is_flag=True, help="Print all decisions of the reviewer.")
@click.option("--search", metavar="TEXT", help="Find messages that contain TEXT, also with --agent and --round.")
@click.option("--html", is_flag=True, help="Write the run to the page RUN.html here, which works without a server.")
@click.option("--full", is_flag=True, help="Shorten nothing.")
@click.option("--width", type=click.IntRange(min=40), metavar="COLUMNS", help="Width of the page.")
@json_option
def show(
    run: str | None,
    agent: str | None,
    round_: int | None,
    finding: str | None,
    only_reviews: bool,
    search: str | None,
    html: bool,
    full: bool,
    width: int | None,
    as_json: bool,
) -> None:
    """Show a run, a conversation, a finding, the reviews, or messages with a text.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs (default: the newest run in ./runs).
    """
    with exit_on_bad_input(as_json=as_json):
        _check_options(agent, round_, finding, only_reviews, search)
        if html:
            path = find_run(run)
            write_page(path, Path(f"{path.stem}.html"))
            return
    with exit_on_bad_input(as_json=as_json), open_for_reading(run) as file:
        # A conversation is shown at once, also that of a run whose digest takes seconds.
        is_conversation = agent is not None and search is None
        altered = warn_if_known_altered(file) if is_conversation else warn_if_altered(file)
        stream = None if agent is None else find_agent(file, agent)
        if as_json:
            selected = _selection_json(file, stream, round_, finding, only_reviews, search)
            print_json({**selected, "altered": altered} if is_conversation else selected)
            return
        console = stdout_console(width)
        options = DisplayOptions(full=full, width=console.width)
        if finding is not None:
            parts = finding_page(file, finding, options)
        elif only_reviews:
            parts = reviews_page(file)
        elif search is not None:
            parts = matches_page(file, search, stream, round_, console.width)
        elif stream is not None:
            parts = conversation(file, stream, round_, options)
        else:
            # It loads the measures and their libraries, which a conversation does not need.
            from aarlab.cli.show.overview import overview

            parts = overview(file, options)
        print_chunked(console, parts)
        if altered is None:
            console.print(_not_verified(file), style="yellow")


def _not_verified(file: RunReader) -> Text:
    return Text(
        f"! The events were not compared with the digest of the run, which takes long for about {file.last_id():,} "
        "events: aarlab show without --agent does it once."
    )


def _check_options(
    agent: str | None, round_: int | None, finding: str | None, only_reviews: bool, search: str | None
) -> None:
    """Raise ConfigError for options that exclude each other."""
    if agent is None and search is None and round_ is not None:
        raise ConfigError([Fault("--round", None, "--round without --agent or --search", "--agent A --round N")])
    if search == "":
        raise ConfigError([Fault("--search", None, "the text is empty", "a text of at least one character")])
    given = {"--finding": finding is not None, "--reviews": only_reviews, "--search": search is not None}
    chosen = [option for option, is_given in given.items() if is_given]
    if len(chosen) > 1 or (agent is not None and chosen not in ([], ["--search"])):
        problem = f"{', '.join(chosen + ['--agent'] * (agent is not None))} cannot be combined"
        raise ConfigError([Fault(chosen[0], None, problem, "one of them; --agent and --round only with --search")])


def _selection_json(
    file: RunReader, stream: str | None, round_: int | None, finding: str | None, only_reviews: bool, search: str | None
) -> dict[str, Any]:
    if finding is not None:
        return finding_json(file, finding)
    if only_reviews:
        return {"reviews": reviews_json(file)}
    if search is not None:
        return {"matches": list(matches(file, search, stream, round_))}
    return run_as_json(file, stream, round_)


def run_as_json(file: RunReader, stream: str | None, round: int | None) -> dict[str, Any]:
    """Return the information of a run; with a stream, its events, of one round only if `round` is given."""
    run = {**asdict(file.info()), "file": str(file.path.resolve())}
    if stream is None:
        return run
    events = [_event_json(file, entry) for entry in file.entries(stream=stream, round=round)]
    return {"run_id": run["run_id"], "file": run["file"], "agent": stream, "events": events}


def _event_json(file: RunReader, entry: LogEntry) -> dict[str, Any]:
    """Return an event with its round and hours, and with the message that it refers to."""
    event = {"round": entry.round, "hours": entry.hours, "kind": entry.event.kind, **entry.event.to_json()}
    match entry.event:
        case Prompted(message=key) | ModelCall(reply=key):
            event["content"] = file.message(key).to_json()
        case _:
            pass
    return event
