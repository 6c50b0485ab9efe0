"""Printing of results and errors, and exit statuses."""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from itertools import islice
from pathlib import Path
from textwrap import fill
from typing import Any, NoReturn

import rich_click as click
from rich.console import Console, Group, RenderableType
from rich.text import Text

from aarlab.cli.formatting import printable
from aarlab.cli.output_streams import output_closed, output_encoding_is_utf8
from aarlab.config import ConfigError, Fault
from aarlab.memory.run_file_errors import SchemaError

_COMMAND = re.compile(r"\b(aarlab|apt-get|docker|export|pip|podman|python3?|sysctl|wandb) \S")
"""A command to copy, which must stay on one line."""


class Status(IntEnum):
    """Exit statuses."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    STOPPED = 3
    """Stopped by a budget or a person. Finished work is kept."""
    WAITING = 4
    """The run asks a person, and continues when it is resumed after the answer."""


def stdout_console(width: int | None = None) -> Console:
    """Return the console for results."""
    return Console(width=width, highlight=False)


def stderr_console() -> Console:
    """Return the console for progress and errors."""
    return Console(stderr=True, highlight=False)


def print_note(text: str) -> None:
    """Print sentences on standard error. On a terminal, lines are broken between words."""
    console = stderr_console()
    console.print(Text(printable(text)), soft_wrap=not console.is_terminal)


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
    click.echo(_wrapped(printable("\n\n".join(str(fault) for fault in faults))), err=True)
    if as_json:
        print_json({"status": "bad input", "faults": [fault.to_json() for fault in faults]})
    sys.exit(Status.BAD_INPUT)


def _wrapped(text: str) -> str:
    """Return faults for standard error: on a terminal, long lines are wrapped, but not those with a command to copy."""
    console = stderr_console()
    if not console.is_terminal:
        return text
    return "\n".join(
        line
        if len(line) <= console.width or (line.startswith("  fix ") and _COMMAND.search(line))
        else fill(line, console.width, subsequent_indent=" " * 12, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )


def output_faults(out: Path, suffix: str) -> list[Fault]:
    """Return a fault if a result cannot be written to `out`, the value of the option `--out`.

    Called before anything is computed. `suffix` is that of a file; empty for a folder.
    """
    expected = f"a file that ends in {suffix}" if suffix else "a folder"
    if suffix and (out.is_dir() or out.suffix != suffix):
        problem = "it is a folder" if out.is_dir() else "it has another suffix"
    elif not suffix and out.exists() and not out.is_dir():
        problem = "it is a file"
    elif not out.parent.is_dir():
        problem = f"{out.parent} is not a folder"
    elif not os.access(out if out.exists() else out.parent, os.W_OK):
        problem, expected = "it is not writable", "a writable path"
    else:
        return []
    return [Fault(f"--out {out}", None, problem, expected)]


@contextmanager
def exit_on_bad_input(*, as_json: bool) -> Iterator[None]:
    """Print a ConfigError, or the error of an unreadable run file, and exit with status 2."""
    try:
        yield
    except ConfigError as error:
        refuse(error.faults, as_json=as_json)
    except SchemaError as error:
        refuse([Fault("run file", None, str(error), "an unchanged run file of this aarlab version")], as_json=as_json)
