"""Opening a recorded run for a command that reads it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rich_click as click

from aarlab.cli.formatting import printable
from aarlab.config import ConfigError, Fault
from aarlab.config.run_file_cache import altered_or_unknown, is_altered
from aarlab.config.run_lookup import find_run
from aarlab.memory.run_file_errors import ALTERED, SchemaError
from aarlab.memory.run_reader import RunReader


@contextmanager
def open_for_reading(name: str | None) -> Iterator[RunReader]:
    """Open a run for reading.

    Args:
        name: A run file, a folder or an id; None means the newest run in ./runs.

    Raises:
        ConfigError: There is no such run, or its file is damaged.
    """
    path = find_run(name)
    with schema_errors_as_faults(path), RunReader.open(path) as file:
        if not {"task", "team", "structure", "budget"} <= file.info().scenario.keys():
            raise SchemaError("its scenario lacks task, team, structure or budget")
        yield file


def warn_if_altered(file: RunReader) -> bool:
    """Print a warning if the run was altered after it was scored, and return whether it was."""
    if altered := is_altered(file):
        _print_warning(file)
    return altered


def warn_if_known_altered(file: RunReader) -> bool | None:
    """Do what `warn_if_altered` does, unless it takes seconds; then return None. The caller says it."""
    if altered := altered_or_unknown(file):
        _print_warning(file)
    return altered


def _print_warning(file: RunReader) -> None:
    click.echo(printable(f"! {file.path} {ALTERED}"), err=True)


@contextmanager
def schema_errors_as_faults(path: Path) -> Iterator[None]:
    """Turn a SchemaError about a run file into a ConfigError that names the file."""
    try:
        yield
    except SchemaError as error:
        raise ConfigError([Fault(str(path), None, str(error), "a run file that `aarlab run` wrote")]) from None
