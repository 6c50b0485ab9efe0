"""`aarlab export`: a run for other tools."""

import re
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from aarlab.cli.options import (
    Status,
    exit_on_bad_input,
    handle_sigterm,
    json_option,
    print_json,
    refuse,
    stderr_console,
)

if TYPE_CHECKING:
    from aarlab.export import Format


@click.command()
@click.argument("run", required=False)
@click.option(
    "--format", "format_", type=click.Choice(["jsonl", "inspect", "graphml", "gexf", "csv"]), required=True,
    help="`jsonl`: all of it, for `aarlab import`; `inspect`: a log for Inspect; `graphml`, `gexf`: the lineage of "
    "ideas; `csv`: a folder of tables.",
)  # fmt: skip
@click.option(
    "--out", metavar="PATH",
    help="Where to write; `-` is stdout, for `jsonl`.  [default: named after the run, in the current folder]",
)  # fmt: skip
@click.option(
    "--redact", "patterns", multiple=True, metavar="PATTERN",
    help="Replace what this regular expression matches, in every text; may be repeated.",
)  # fmt: skip
@json_option
def export(run: str | None, format_: "Format", out: str | None, patterns: tuple[str, ...], as_json: bool) -> None:
    """Write a run in a format that other tools read.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs; without it, the newest run in ./runs.
    Nothing is overwritten. What is in which format: docs/export.md.
    """
    from aarlab.config import ConfigError, Fault
    from aarlab.config.run_lookup import find_run
    from aarlab.export import InvalidRunData, default_name, export_run
    from aarlab.export.jsonl import write_jsonl
    from aarlab.memory.run_file_errors import SchemaError
    from aarlab.memory.run_reader import RunReader

    handle_sigterm()
    with exit_on_bad_input(as_json=as_json):
        path = find_run(run)
        if out == "-" and (format_ != "jsonl" or as_json):
            what = "--json, which has stdout for itself" if format_ == "jsonl" else f"the format {format_}"
            raise ConfigError([Fault("--out -", None, f"stdout for {what}", "stdout for --format jsonl, or a path")])
        redaction = _redaction(patterns)
        target = default_name(path, format_) if out is None else Path(out or ".")
        try:
            RunReader.open(path).close()
            with stderr_console().status("writing"):
                if out == "-":
                    write_jsonl(path, sys.stdout, redaction)
                else:
                    export_run(path, format_, target, redaction)
        except SchemaError as error:
            refuse([Fault(str(path), None, str(error), "a run file that `aarlab run` wrote")], as_json=as_json)
        except InvalidRunData as error:
            refuse([Fault(error.where, None, error.found, error.allowed)], as_json=as_json)
        except (sqlite3.DatabaseError, KeyError) as error:
            found = f"a run file that is not whole ({error.args[0]})"
            refuse([Fault(str(path), None, found, "one as aarlab left it")], as_json=as_json)
        except BrokenPipeError:
            # Whoever read stdout has seen enough.
            sys.stderr.close()
            sys.exit(Status.FAILED)
    payload: dict[str, Any] = {"status": "done", "file": None if out == "-" else str(target.resolve())}
    if as_json:
        print_json({**payload, "format": format_, "replaced": redaction.replaced if patterns else None})
        return
    if out != "-":
        click.echo(f"written to {target}")
    if patterns:
        click.echo(f"{redaction.replaced} {'match' if redaction.replaced == 1 else 'matches'} replaced", err=out == "-")


def _redaction(patterns: tuple[str, ...]) -> Any:
    """Return what to take out. Raises ConfigError on a pattern that is none."""
    from aarlab.config import ConfigError, Fault
    from aarlab.export import Redaction

    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ConfigError([Fault(f"--redact {pattern!r}", None, str(error), "a regular expression")]) from None
    return Redaction(patterns)
