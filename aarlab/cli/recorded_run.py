"""Opening a recorded run for a command that reads it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rich_click as click

from aarlab.cli.formatting import printable
from aarlab.config import ConfigError, Fault
from aarlab.config.run_lookup import find_run
from aarlab.memory.run_file_errors import SchemaError
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


def warn_if_altered(file: RunReader) -> None:
    """Print a warning if the events of a scored run are not those of its summary, which has their digest."""
    summary = file.info().summary
    if isinstance(summary, dict) and summary.get("digest") != file.digest():
        warning = f"{file.path} was altered after the run was scored: do not trust what it says (aarlab check)"
        click.echo(printable(f"! {warning}"), err=True)


@contextmanager
def schema_errors_as_faults(path: Path) -> Iterator[None]:
    """Turn a SchemaError about a run file into a ConfigError that names the file."""
    try:
        yield
    except SchemaError as error:
        raise ConfigError([Fault(str(path), None, str(error), "a run file that `aarlab run` wrote")]) from None
