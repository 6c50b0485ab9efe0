"""`aarlab export`: write a run in a format that other tools read."""

import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import rich_click as click

from aarlab.ablation.records import Results, RunRecord
from aarlab.cli.completion import complete_run
from aarlab.cli.formatting import counted
from aarlab.cli.options import json_option
from aarlab.cli.output import Status, exit_on_bad_input, print_json, stderr_console
from aarlab.cli.progress_bar import DelayedProgressBar
from aarlab.cli.recorded_run import schema_errors_as_faults, warn_if_altered
from aarlab.config import ConfigError, Fault
from aarlab.config.run_lookup import find_run
from aarlab.export import (
    ExportFormat,
    InvalidRunData,
    Redaction,
    default_path,
    export_run,
    find_format,
    format_names,
    log_run,
)
from aarlab.export.formats import TrackerError, describe_formats, tracker_names
from aarlab.export.jsonl_export import stream_jsonl
from aarlab.memory.run_reader import RunReader


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--format", "format_", type=click.Choice(format_names()), help=describe_formats())
@click.option(
    "--to", "tracker", type=click.Choice(tracker_names()),
    help="Log to an experiment tracker instead, as it is configured (MLFLOW_TRACKING_URI; `wandb login` or "
    "WANDB_MODE=offline). DIR: all finished runs of the folder or ablation. Needs the extra of the same name.",
)  # fmt: skip
@click.option("--project", metavar="NAME", help="Project of the tracker.  [default: the ablation's name, else aarlab]")
@click.option(
    "--out", metavar="PATH",
    help="New file or folder; `-` is stdout, for `jsonl` only.  [default: named after the run, in the current folder]",
)  # fmt: skip
@click.option(
    "--redact", "patterns", multiple=True, metavar="PATTERN",
    help="Replace every match of this regular expression in all texts. Repeatable.",
)  # fmt: skip
@json_option
def export(
    run: str | None, format_: str | None, tracker: str | None, project: str | None, out: str | None,
    patterns: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Write a run in a format that other tools read, or log runs to a tracker.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs (default: the newest run in ./runs).
    Existing files are not overwritten. The formats are documented in docs/export.md.
    """
    with exit_on_bad_input(as_json=as_json):
        if (format_ is None) == (tracker is None):
            raise ConfigError([Fault("aarlab export", None, "it needs either --format or --to", "--format jsonl")])
        format = find_format(str(format_ or tracker))
        if format.tracker != (tracker is not None):
            option, other = ("--to", "--format") if format.tracker else ("--format", "--to")
            raise ConfigError([Fault(f"{other} {format.name}", None, "wrong option", f"{option} {format.name}")])
        for name, unused in (("--out", out if tracker else None), ("--project", None if tracker else project)):
            if unused is not None:
                needed = "--format" if name == "--out" else "--to"
                raise ConfigError([Fault(f"{name} {unused}", None, f"it is used with {needed} only", "leave it out")])
        redaction = _redaction(patterns)
        if tracker is not None:
            payload = _log_runs(run, format, project, redaction)
        else:
            payload = _write(find_run(run), format, out, redaction, as_json=as_json)
    if as_json:
        print_json({**payload, "replaced": redaction.replaced if patterns else None})
    elif patterns:
        click.echo(f"{redaction.replaced} {'match' if redaction.replaced == 1 else 'matches'} replaced", err=out == "-")


def _write(path: Path, format: ExportFormat, out: str | None, redaction: Redaction, *, as_json: bool) -> dict[str, Any]:
    """Write a run to a path or to stdout, and return what `--json` prints."""
    if out == "-" and (format.name != "jsonl" or as_json):
        problem = "stdout is used by --json" if as_json else f"the format {format.name} cannot go to stdout"
        raise ConfigError([Fault("--out -", None, problem, "--format jsonl without --json, or a path")])
    target = default_path(path, format) if out is None else Path(out or ".")
    with _errors_as_faults(path, target), RunReader.open(path) as file:
        altered = warn_if_altered(file)
    with _errors_as_faults(path, target), stderr_console().status("writing"):
        if out == "-":
            _write_to_stdout(path, redaction)
        else:
            export_run(path, format, target, redaction)
    if out != "-" and not as_json:
        click.echo(f"Wrote {target}")
    written = None if out == "-" else str(target.resolve())
    return {"status": "done", "file": written, "format": format.name, "altered": altered}


def _log_runs(source: str | None, tracker: ExportFormat, project: str | None, redaction: Redaction) -> dict[str, Any]:
    """Log a run, or the finished runs of a folder, to a tracker, and return what `--json` prints."""
    path = Path(source) if source is not None and Path(source).is_dir() else find_run(source)
    with DelayedProgressBar(stderr_console(), delay_s=1.0) as progress_bar:
        # The package of reports imports scipy, which is slow.
        results: Results = resolve_name("aarlab.report:results_from")([path], progress_bar)
        done = [record for record in results.records if record.status == "done"]
        project = project or (results.ablation.name if results.folder else "aarlab")
        for number, record in enumerate(done):
            with _errors_as_faults(record.path, Path(tracker.name)):
                _log_run(record, tracker, project, redaction)
            progress_bar(f"logging runs to {tracker.description}", (number + 1) / len(done))
    click.echo(f"Logged {counted(len(done), 'run')} to {tracker.description}, project {project}", err=True)
    return {"status": "done", "tracker": tracker.name, "project": project, "runs": len(done)}


def _log_run(record: RunRecord, tracker: ExportFormat, project: str, redaction: Redaction) -> None:
    try:
        log_run(record.path, tracker, project, record.arm, redaction)
    except TrackerError as error:
        raise ConfigError([Fault(f"--to {tracker.name}", None, str(error), None)]) from None


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
