"""Export a run as a folder of CSV tables: one per kind of event, one of the run, and one of the messages."""

import csv
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from aarlab.export.csv_cells import safe_cell
from aarlab.memory.events import EVENT_CLASS_BY_KIND, LogEntry, ModelCall, Prompted
from aarlab.memory.messages import Json, canonical_json
from aarlab.memory.run_reader import RunReader

_LOG_COLUMNS = ("event", "stream", "ordinal", "round", "hours")


def write_tables(file: RunReader, folder: Path) -> None:
    """Write `KIND.csv` for each kind of event, `run.csv` and `messages.csv` to a new folder; see docs/export.md.

    Kinds without events have a table with a header and no rows, so that every run has the same files.
    """
    folder.mkdir()
    run = dataclasses.asdict(file.info())
    _write(folder / "run.csv", list(run), [list(run.values())])
    for kind in EVENT_CLASS_BY_KIND.values():
        names = [field.name for field in dataclasses.fields(kind)]
        rows = (
            [entry.id, entry.stream, entry.ordinal, entry.round, entry.hours]
            + [getattr(entry.event, name) for name in names]
            + [entry.at]
            for entry in file.entries(kind)
        )
        _write(folder / f"{kind.kind}.csv", [*_LOG_COLUMNS, *names, "at"], rows)
    blocks = (row for entry in file.entries(Prompted, ModelCall) for row in _block_rows(file, entry))
    _write(folder / "messages.csv", ["event", "stream", "round", "hours", "speaker", "block", "type", "text"], blocks)


def _block_rows(file: RunReader, entry: LogEntry[Prompted | ModelCall]) -> Iterable[list[Json]]:
    """Yield a row for each block of the message that an event refers to."""
    match entry.event:
        case Prompted(message=key) | ModelCall(reply=key):
            message = file.message(key)
            for number, block in enumerate(message.to_json()["content"]):
                text = next((block[name] for name in ("text", "thinking", "content") if name in block), None)
                if text is None:
                    text = {name: value for name, value in block.items() if name != "type"}
                position = [entry.id, entry.stream, entry.round, entry.hours]
                yield [*position, message.speaker, number, block["type"], text]


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Json]]) -> None:
    with path.open("x", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(header)
        table.writerows([safe_cell(_cell(value)) for value in row] for row in rows)


def _cell(value: Json) -> Json:
    """Return the content of a cell: empty for None, 1 or 0 for a boolean as in SQLite, JSON for a list or object."""
    match value:
        case bool():
            return int(value)
        case dict() | list() | tuple():
            return canonical_json(value)
        case _:
            return value
