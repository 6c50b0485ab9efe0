"""Command-line options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar, get_args

import rich_click as click

from aarlab.cli.completion import complete_setting
from aarlab.cli.envfile import read_env_file
from aarlab.cli.output import refuse
from aarlab.config import ConfigError
from aarlab.tools.sandbox import SandboxMode

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")(
        command
    )


def set_option(command: Command) -> Command:
    """Add `--set`."""
    return click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="PATH=VALUE",
        shell_complete=complete_setting,
        help="Set a field of the scenario, such as `budget.hours=12` or `structure.review=gate`. Repeatable.",
    )(command)


def sandbox_option(command: Command) -> Command:
    """Add `--sandbox`."""
    return click.option(
        "--sandbox",
        type=click.Choice(get_args(SandboxMode)),
        default="strict",
        show_default=True,
        help="Where methods run. `strict`: in Linux namespaces. `docker`: in a container of Docker or Podman. `none`: "
        "unconfined, for debugging only.",
    )(command)


def no_cache_option(command: Command) -> Command:
    """Add `--no-cache`."""
    return click.option(
        "--no-cache", is_flag=True, help="Measure every score again, also those in the cache that all runs share."
    )(command)


def quiet_option(command: Command) -> Command:
    """Add `--quiet`."""
    return click.option("--quiet", is_flag=True, help="Show no progress.")(command)


def allow_base_url_option(command: Command) -> Command:
    """Add `--allow-base-url`."""
    return click.option(
        "--allow-base-url",
        "allowed_hosts",
        multiple=True,
        metavar="HOST",
        help="Send keys to this server if a scenario or run file names it in `live.base_urls`. Repeatable. Addresses "
        "of this machine and those given with `--set` need no permission.",
    )(command)


def env_file_option(command: Command) -> Command:
    """Add `--env-file`. The file is read before the command starts."""

    def read(context: click.Context, option: click.Parameter, path: str | None) -> None:
        if path is not None:
            try:
                read_env_file(path)
            except ConfigError as error:
                refuse(error.faults, as_json=bool(context.params.get("as_json")))

    return click.option(
        "--env-file",
        metavar="FILE",
        callback=read,
        expose_value=False,
        help="Read API keys from a file with lines KEY=VALUE. They override the environment.",
    )(command)
