"""Export one run to a file or folder, with or without redaction."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aarlab.export.formats import ExportFormat, load
from aarlab.export.jsonl_export import write_jsonl
from aarlab.export.jsonl_import import import_jsonl
from aarlab.export.redaction import Redaction
from aarlab.export.secret_free import ExportReader
from aarlab.memory.atomic_file import atomic_output
from aarlab.memory.run_reader import RunReader


def default_path(run: Path, format: ExportFormat) -> Path:
    """Return the output path for a run file: its name with the ending of the format, in the current folder."""
    return Path(f"{run.stem}{format.ending}")


def export_run(run: Path, format: ExportFormat, target: Path, redaction: Redaction) -> None:
    """Write a run file to a new file or folder at `target`.

    Raises:
        ConfigError: The format needs an extra that is not installed.
        FileExistsError: `target` exists.
        OSError: `target` cannot be written.
        InvalidRunData: The run file is damaged, or the redaction matches a name that other records refer to.
        sqlite3.DatabaseError: The run file cannot be read.
    """
    write = load(format)
    with atomic_output(target) as temporary:
        if redaction and format.name == "jsonl":
            with ExportReader.open(run) as file:
                write_jsonl(file, temporary, redaction)
        else:
            with _opened(run, redaction) as file:
                write(file, temporary)


def log_run(run: Path, tracker: ExportFormat, project: str, arm: str, redaction: Redaction) -> None:
    """Log a run file to an experiment tracker.

    Args:
        run: The run file.
        tracker: The tracker.
        project: Name of its project.
        arm: Name of the arm of the run.
        redaction: What is replaced in all texts.

    Raises:
        ConfigError: The tracker needs an extra that is not installed.
        TrackerError: The tracker is not configured, refuses, or cannot be reached.
        InvalidRunData: The run file is damaged, or the redaction matches a name that other records refer to.
        sqlite3.DatabaseError: The run file cannot be read.
    """
    log = load(tracker)
    with _opened(run, redaction) as file:
        log(file, project, arm)


@contextmanager
def _opened(run: Path, redaction: Redaction) -> Iterator[RunReader]:
    """Open a run file without its secret, or a redacted copy of it."""
    with ExportReader.open(run) as file:
        if not redaction:
            yield file
            return
        with tempfile.TemporaryDirectory() as scratch, _redacted_copy(file, Path(scratch), redaction) as copy:
            yield copy


def _redacted_copy(file: RunReader, folder: Path, redaction: Redaction) -> RunReader:
    """Return an open redacted copy of a run file in a folder. All formats but `jsonl` are written from such a copy."""
    lines = folder / "redacted.jsonl"
    write_jsonl(file, lines, redaction)
    with lines.open(encoding="utf-8", newline="\n") as redacted:
        return RunReader.open(import_jsonl(redacted, str(lines), folder))
