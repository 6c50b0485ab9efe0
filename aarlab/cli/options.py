"""What the commands have in common: options, exit statuses, JSON on stdout, and how a mistake is told."""

import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, get_args

import rich_click as click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from aarlab.config import Fault

Command = TypeVar("Command", bound=Callable[..., Any])

SandboxMode = Literal["strict", "docker", "none"]
"""What `aarlab.tools.sandbox` calls Mode; said again, because a command line has to be there before numpy is."""


class Status(IntEnum):
    """Exit statuses."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    STOPPED = 3


def handle_sigterm() -> None:
    """Take a polite kill for a person's wish to stop, as Ctrl-C is."""

    def stop(*_: object) -> None:
        # Started in the background by a shell, it has been told to ignore Ctrl-C, but not this.
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, stop)


def json_option(command: Command) -> Command:
    """Add `--json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object on stdout, and nothing else there."
    )(command)


def set_option(command: Command) -> Command:
    """Add `--set`."""
    return click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="PATH=VALUE",
        help="Set a field of the scenario, such as `budget.hours=12` or `structure.review=gate`; may be repeated.",
    )(command)


def sandbox_option(command: Command) -> Command:
    """Add `--sandbox`."""
    return click.option(
        "--sandbox",
        type=click.Choice(get_args(SandboxMode)),
        default="strict",
        show_default=True,
        help="Where methods run: `docker` confines them in a container of Docker or Podman; `none` does not confine "
        "them and is for debugging only.",
    )(command)


def recorded_sandbox_option(command: Command) -> Command:
    """Add `--sandbox` for a run that happens again."""
    return click.option(
        "--sandbox",
        type=click.Choice(get_args(SandboxMode)),
        help="Where methods run.  [default: as the run file says]",
    )(command)


def no_cache_option(command: Command) -> Command:
    """Add `--no-cache`."""
    return click.option(
        "--no-cache",
        is_flag=True,
        help="Measure everything anew, also what has been measured before on worlds common to all runs.",
    )(command)


def env_file_option(command: Command) -> Command:
    """Add `--env-file`, which is read before anything else is looked at."""

    def read(context: click.Context, option: click.Parameter, path: str | None) -> None:
        if path is not None:
            from aarlab.cli.envfile import read_env_file
            from aarlab.config import ConfigError

            try:
                read_env_file(path)
            except ConfigError as error:
                refuse(error.faults, as_json=bool(context.params.get("as_json")))

    return click.option(
        "--env-file",
        metavar="FILE",
        callback=read,
        expose_value=False,
        help="Take keys from a file of lines KEY=VALUE; they go before the environment's.",
    )(command)


def task_file_option(command: Command) -> Command:
    """Add `--task-file`, which executes the files before the run is opened."""

    def load(context: click.Context, option: click.Parameter, paths: tuple[Path, ...]) -> None:
        if paths:
            from aarlab.config import Fault
            from aarlab.scenarios.task_files import load_task_file
            from aarlab.scenarios.task_registry import UnusableTask

            for path in paths:
                try:
                    load_task_file(path)
                except UnusableTask as error:
                    fault = Fault(f"--task-file {path}", None, str(error), "a Python file that defines one task")
                    refuse([fault], as_json=bool(context.params.get("as_json")))

    return click.option(
        "--task-file",
        type=click.Path(path_type=Path),
        multiple=True,
        metavar="FILE",
        callback=load,
        expose_value=False,
        help="Python file that defines the run's task, unchanged since the run was recorded. It is executed; the code in "
        "the run file is not. Needed for tasks that come from a file; may be repeated.",
    )(command)


def print_json(value: Mapping[str, Any]) -> None:
    """Print the one object of `--json`."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def stdout_console(width: int | None = None) -> "Console":
    """Return the console for results."""
    from rich.console import Console

    return Console(width=width, highlight=False)


def print_chunked(console: "Console", parts: Iterable["RenderableType"]) -> None:
    """Print one part after the other; some at a time, which rich does faster than each by itself."""
    from rich.console import Group

    waiting = iter(parts)
    while some := list(islice(waiting, 50)):
        console.print(Group(*some), crop=False)


def stderr_console() -> "Console":
    """Return the console for progress and mistakes."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


@contextmanager
def exit_on_bad_input(*, as_json: bool) -> Iterator[None]:
    """Turn a ConfigError, or a run file that cannot be read, into its explanation and exit status 2."""
    from aarlab.config import ConfigError, Fault
    from aarlab.memory.run_file_errors import SchemaError

    try:
        yield
    except ConfigError as error:
        refuse(error.faults, as_json=as_json)
    except SchemaError as error:
        allowed = "a run file that this version of aarlab wrote, as it wrote it"
        refuse([Fault("the run file", None, str(error), allowed)], as_json=as_json)


def refuse(faults: "Sequence[Fault]", *, as_json: bool) -> NoReturn:
    """Say what is wrong with the input and leave with exit status 2."""
    click.echo("\n\n".join(str(fault) for fault in faults), err=True)
    if as_json:
        print_json({"status": "bad input", "faults": [fault.to_json() for fault in faults]})
    sys.exit(Status.BAD_INPUT)
