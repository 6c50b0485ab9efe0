"""One run, in one of the formats, redacted or not."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

from aarlab.export.destination import written_whole
from aarlab.export.graphs import write_gexf, write_graphml
from aarlab.export.importing import read_jsonl
from aarlab.export.inspect_log import write_inspect
from aarlab.export.jsonl import write_jsonl
from aarlab.export.redaction import Redaction
from aarlab.export.tables import write_tables
from aarlab.memory.runfile import RunFile

Format = Literal["jsonl", "inspect", "graphml", "gexf", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
_ENDINGS: dict[Format, str] = {
    "jsonl": ".jsonl", "inspect": ".eval", "graphml": ".graphml", "gexf": ".gexf", "csv": "-csv",
}  # fmt: skip
_FROM_RUN_FILES: dict[Format, Callable[[RunFile, Path], None]] = {
    "inspect": write_inspect, "graphml": write_graphml, "gexf": write_gexf, "csv": write_tables,
}  # fmt: skip


def default_name(run: Path, format: Format) -> Path:
    """Return where an export goes if nobody says: named after the run, in the current folder."""
    return Path(f"{run.stem}{_ENDINGS[format]}")


def export_run(run: Path, format: Format, target: Path, redaction: Redaction) -> None:
    """Write a run into a new file, or for tables a new folder.

    Raises:
        ConfigError: There is something at `target` already, or it cannot be written; or an extra is not installed.
        NotWhole: The run file is not whole, or the redaction would take it apart.
        sqlite3.DatabaseError: The run file cannot be read.
    """
    with written_whole(target) as half:
        if format == "jsonl":
            with half.open("x", encoding="utf-8", newline="\n") as out:
                write_jsonl(run, out, redaction)
        elif not redaction:
            with RunFile.read(run) as file:
                _FROM_RUN_FILES[format](file, half)
        else:
            # What is redacted is the run, in one way for all formats: these are then made from a run without matches.
            with tempfile.TemporaryDirectory() as scratch:
                lines = Path(scratch, "redacted.jsonl")
                export_run(run, "jsonl", lines, redaction)
                with lines.open(encoding="utf-8", newline="\n") as redacted:
                    without = read_jsonl(redacted, str(lines), Path(scratch))
                with RunFile.read(without) as file:
                    _FROM_RUN_FILES[format](file, half)
