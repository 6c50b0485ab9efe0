"""A run as a folder of tables: one for each kind of event, one of the run itself, and one of what was said."""

import csv
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from aarlab.memory.events import EVENT_CLASS_BY_KIND, LogEntry, ModelCall, Prompted
from aarlab.memory.messages import Json, canonical_json
from aarlab.memory.run_reader import RunReader

_PLACE = ("event", "stream", "ordinal", "round", "hours")


def write_tables(file: RunReader, folder: Path) -> None:
    """Write the tables, `KIND.csv` with the columns of the view of that name; see docs/export.md.

    Tables of kinds that did not happen are there too, with a head and no rows: who reads many runs finds all of them.
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
        _write(folder / f"{kind.kind}.csv", [*_PLACE, *names, "at"], rows)
    said = (row for entry in file.entries(Prompted, ModelCall) for row in _message_rows(file, entry))
    _write(folder / "messages.csv", ["event", "stream", "round", "hours", "speaker", "block", "type", "text"], said)


def _message_rows(file: RunReader, entry: LogEntry[Prompted | ModelCall]) -> Iterable[list[Json]]:
    """Yield a row for each block of the message that an event points to."""
    match entry.event:
        case Prompted(message=key) | ModelCall(reply=key):
            message = file.message(key)
            for number, block in enumerate(message.to_json()["content"]):
                words = next((block[name] for name in ("text", "thinking", "content") if name in block), None)
                if words is None:
                    words = {name: value for name, value in block.items() if name != "type"}
                place = [entry.id, entry.stream, entry.round, entry.hours]
                yield [*place, message.speaker, number, block["type"], words]


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[Json]]) -> None:
    with path.open("x", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(head)
        table.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: Json) -> Json:
    """Return what stands in a cell: nothing for None, 1 or 0 for truth, as in SQLite; JSON for a list or an object."""
    match value:
        case bool():
            return int(value)
        case dict() | list() | tuple():
            return canonical_json(value)
        case _:
            return value
