"""Export one run to a file or folder, with or without redaction."""

import tempfile
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
    with atomic_output(target) as temporary, ExportReader.open(run) as file:
        if not redaction:
            write(file, temporary)
        elif format.name == "jsonl":
            write_jsonl(file, temporary, redaction)
        else:
            with tempfile.TemporaryDirectory() as scratch, _redacted_copy(file, Path(scratch), redaction) as copy:
                write(copy, temporary)


def _redacted_copy(file: RunReader, folder: Path, redaction: Redaction) -> RunReader:
    """Return an open redacted copy of a run file in a folder. All formats but `jsonl` are written from such a copy."""
    lines = folder / "redacted.jsonl"
    write_jsonl(file, lines, redaction)
    with lines.open(encoding="utf-8", newline="\n") as redacted:
        return RunReader.open(import_jsonl(redacted, str(lines), folder))
