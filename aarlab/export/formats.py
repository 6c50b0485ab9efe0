"""One run, in one of the formats, redacted or not."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

from aarlab.export.atomic_output import atomic_output
from aarlab.export.csv_tables import write_tables
from aarlab.export.inspect.log_writer import write_inspect
from aarlab.export.jsonl import write_jsonl
from aarlab.export.jsonl_import import read_jsonl
from aarlab.export.lineage_graph import write_gexf, write_graphml
from aarlab.export.redaction import Redaction
from aarlab.memory.run_reader import RunReader

Format = Literal["jsonl", "inspect", "graphml", "gexf", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
_ENDINGS: dict[Format, str] = {
    "jsonl": ".jsonl", "inspect": ".eval", "graphml": ".graphml", "gexf": ".gexf", "csv": "-csv",
}  # fmt: skip
_WRITERS: dict[Format, Callable[[RunReader, Path], None]] = {
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
    with atomic_output(target) as temporary:
        if format == "jsonl":
            with temporary.open("x", encoding="utf-8", newline="\n") as out:
                write_jsonl(run, out, redaction)
        elif not redaction:
            with RunReader.open(run) as file:
                _WRITERS[format](file, temporary)
        else:
            # What is redacted is the run, in one way for all formats: these are then made from a run without matches.
            with tempfile.TemporaryDirectory() as scratch:
                lines = Path(scratch, "redacted.jsonl")
                export_run(run, "jsonl", lines, redaction)
                with lines.open(encoding="utf-8", newline="\n") as redacted:
                    without = read_jsonl(redacted, str(lines), Path(scratch))
                with RunReader.open(without) as file:
                    _WRITERS[format](file, temporary)
