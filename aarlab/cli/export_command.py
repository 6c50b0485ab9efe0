"""`aarlab export`: write a run in a format that other tools read."""

import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rich_click as click

from aarlab.cli.completion import complete_run
from aarlab.cli.options import json_option
from aarlab.cli.output import Status, exit_on_bad_input, print_json, stderr_console
from aarlab.cli.recorded_run import schema_errors_as_faults
from aarlab.config import ConfigError, Fault
from aarlab.config.run_lookup import find_run
from aarlab.export import InvalidRunData, Redaction, default_path, export_run, find_format, format_names
from aarlab.export.formats import describe_formats
from aarlab.export.jsonl_export import stream_jsonl
from aarlab.memory.run_reader import RunReader


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--format", "format_", type=click.Choice(format_names()), required=True, help=describe_formats())
@click.option(
    "--out", metavar="PATH",
    help="New file or folder; `-` is stdout, for `jsonl` only.  [default: named after the run, in the current folder]",
)  # fmt: skip
@click.option(
    "--redact", "patterns", multiple=True, metavar="PATTERN",
    help="Replace every match of this regular expression in all texts. Repeatable.",
)  # fmt: skip
@json_option
def export(run: str | None, format_: str, out: str | None, patterns: tuple[str, ...], as_json: bool) -> None:
    """Write a run in a format that other tools read.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs (default: the newest run in ./runs).
    Existing files are not overwritten. The formats are documented in docs/export.md.
    """
    with exit_on_bad_input(as_json=as_json):
        path = find_run(run)
        format = find_format(format_)
        if out == "-" and (format_ != "jsonl" or as_json):
            problem = "stdout is used by --json" if format_ == "jsonl" else f"the format {format_} cannot go to stdout"
            raise ConfigError([Fault("--out -", None, problem, "--format jsonl without --json, or a path")])
        redaction = _redaction(patterns)
        target = default_path(path, format) if out is None else Path(out or ".")
        with _errors_as_faults(path, target), stderr_console().status("writing"):
            if out == "-":
                _write_to_stdout(path, redaction)
            else:
                export_run(path, format, target, redaction)
    file = None if out == "-" else str(target.resolve())
    payload: dict[str, Any] = {"status": "done", "file": file, "format": format_}
    if as_json:
        print_json({**payload, "replaced": redaction.replaced if patterns else None})
        return
    if out != "-":
        click.echo(f"Wrote {target}")
    if patterns:
        click.echo(f"{redaction.replaced} {'match' if redaction.replaced == 1 else 'matches'} replaced", err=out == "-")


def _write_to_stdout(path: Path, redaction: Redaction) -> None:
    """Write a run as JSON Lines to stdout. Exit with status 1 when the program that reads stdout closes it."""
    try:
        with RunReader.open(path) as file:
            stream_jsonl(file, sys.stdout, redaction)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(Status.FAILED)


def _redaction(patterns: tuple[str, ...]) -> Redaction:
    """Return the redaction for the patterns. Raises ConfigError if one is not a regular expression."""
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ConfigError([Fault(f"--redact {pattern!r}", None, str(error), "a regular expression")]) from None
    return Redaction(patterns)


@contextmanager
def _errors_as_faults(path: Path, target: Path) -> Iterator[None]:
    """Raise errors of reading the run file and of writing the target as ConfigError."""
    try:
        with schema_errors_as_faults(path):
            yield
    except InvalidRunData as error:
        raise ConfigError([Fault(error.where, None, error.problem, error.expected)]) from None
    except (sqlite3.DatabaseError, KeyError) as error:
        problem = f"the run file is damaged ({error.args[0]})"
        raise ConfigError([Fault(str(path), None, problem, "an unchanged run file")]) from None
    except FileExistsError:
        raise ConfigError([Fault(str(target), None, "the path already exists", "a new path: --out PATH")]) from None
    except OSError as error:
        problem = f"the export cannot be written ({error.strerror or error})"
        raise ConfigError([Fault(str(target), None, problem, "a path that can be written: --out PATH")]) from None
