"""Printing of results and errors, and exit statuses."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from itertools import islice
from typing import Any, NoReturn

import rich_click as click
from rich.console import Console, Group, RenderableType

from aarlab.cli.output_streams import output_closed, output_encoding_is_utf8
from aarlab.config import ConfigError, Fault
from aarlab.memory.run_file_errors import SchemaError


class Status(IntEnum):
    """Exit statuses."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    STOPPED = 3
    """Stopped by a budget or a person. Finished work is kept."""


def stdout_console(width: int | None = None) -> Console:
    """Return the console for results."""
    return Console(width=width, highlight=False)


def stderr_console() -> Console:
    """Return the console for progress and errors."""
    return Console(stderr=True, highlight=False)


def print_json(value: Mapping[str, Any]) -> None:
    """Print the object of `--json` on one line."""
    # The escapes of JSON lose nothing where the encoding of the output lacks a character.
    click.echo(json.dumps(value, ensure_ascii=not output_encoding_is_utf8(), allow_nan=False))


def print_chunked(console: Console, parts: Iterable[RenderableType]) -> None:
    """Print the parts one below the other, 50 at a time, because rich is slow for single parts."""
    iterator = iter(parts)
    while not output_closed() and (chunk := list(islice(iterator, 50))):
        console.print(Group(*chunk), crop=False)


def refuse(faults: Sequence[Fault], *, as_json: bool) -> NoReturn:
    """Print the faults on stderr, with `as_json` also on stdout as JSON, and exit with status 2."""
    click.echo("\n\n".join(str(fault) for fault in faults), err=True)
    if as_json:
        print_json({"status": "bad input", "faults": [fault.to_json() for fault in faults]})
    sys.exit(Status.BAD_INPUT)


@contextmanager
def exit_on_bad_input(*, as_json: bool) -> Iterator[None]:
    """Print a ConfigError, or the error of an unreadable run file, and exit with status 2."""
    try:
        yield
    except ConfigError as error:
        refuse(error.faults, as_json=as_json)
    except SchemaError as error:
        refuse([Fault("run file", None, str(error), "an unchanged run file of this aarlab version")], as_json=as_json)
