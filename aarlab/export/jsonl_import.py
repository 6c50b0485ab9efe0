"""The way back: a run file from the lines of an exported run. All of it is checked before there is a file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

from sqlite_utils import Database

from aarlab.export.atomic_output import atomic_output
from aarlab.export.jsonl_records import EVENT, FORMAT, FORMAT_VERSION, InvalidRunData, to_column, verified_records
from aarlab.memory.events import EVENT_CLASS_BY_KIND
from aarlab.memory.messages import Json, canonical_json, content_hash
from aarlab.memory.migrations import MIGRATIONS, migrate
from aarlab.memory.run_reader import RunReader

_LocatedRecord = tuple[str, dict[str, Json]]
_COUNTED = {"message": "messages", "text": "texts", "event": "events"}


def read_jsonl(lines: IO[str], name: str, folder: Path) -> Path:
    """Make a run file in a folder, named after its run, and return its path.

    Args:
        lines: What `write_jsonl` wrote.
        name: What to call it in messages.
        folder: Made if it is not there.

    Raises:
        NotWhole: Something is missing, has changed, or was written by a newer aarlab. There is no run file then.
        ConfigError: There is a run file of that name already, or it cannot be written.
    """
    records = verified_records(lines, name)
    header = _header(records, name)
    path = folder / f"{header['run']['run_id']}.db"
    with atomic_output(path) as temporary:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")  # Nobody sees the file before it is whole.
            database = Database(connection)
            migrate(database, header["schema"])
            connection.execute("BEGIN")
            _fill(connection, header, records, name)
            connection.execute("COMMIT")
            migrate(database)
        with RunReader.open(temporary) as file:
            if file.digest() != header["digest"]:
                raise InvalidRunData(
                    f"{name}:1", f"the digest {header['digest']}, where that of the events is {file.digest()}"
                )
    return path


def _header(records: Iterator[_LocatedRecord], name: str) -> dict[str, Json]:
    where, header = next(records, (f"{name}:1", {}))
    if header.get("record") != "header" or header.get("format") != FORMAT:
        raise InvalidRunData(where, "no header of an exported run", "a file that `aarlab export --format jsonl` wrote")
    for what, known in (("version", FORMAT_VERSION), ("schema", len(MIGRATIONS))):
        found = header.get(what)
        if not isinstance(found, int) or isinstance(found, bool) or found < 1:
            raise InvalidRunData(where, f"{what} {found!r}", f"a number from 1 to {known}")
        if found > known:
            raise InvalidRunData(
                where, f"{what} {found}, from a newer aarlab",
                f"at most {known}, which is what this one knows: install a newer aarlab to import it",
            )  # fmt: skip
    run_id = header["run"].get("run_id") if isinstance(header.get("run"), dict) else None
    if not isinstance(run_id, str) or not run_id or Path(run_id).name != run_id or run_id.startswith("."):
        raise InvalidRunData(where, f"the run id {run_id!r}", "the name of a file")
    return header


def _fill(
    connection: sqlite3.Connection, header: dict[str, Json], records: Iterator[_LocatedRecord], name: str
) -> None:
    """Write the records into the tables of a new run file."""
    _insert(connection, "runs", {column: to_column(value) for column, value in header["run"].items()}, f"{name}:1")
    known: set[str] = set()
    counts = dict.fromkeys(_COUNTED.values(), 0)
    where = f"{name}:1"
    for where, record in records:
        match record.get("record"):
            case "message":
                row = _message(record, where)
                known.add(row["hash"])
                _insert(connection, "messages", row, where)
            case "text":
                row = _text(record, where)
                known.add(row["hash"])
                _insert(connection, "texts", row, where)
            case "event":
                _insert(connection, "events", _event(record, known, where), where)
            case "end":
                if (told := {what: record.get(what) for what in counts}) != counts:
                    raise InvalidRunData(where, f"counts of {told}, after {counts}")
                _require_end(records)
                return
            case other:
                raise InvalidRunData(where, f"the record {other!r}", "message, text, event or end")
        counts[_COUNTED[record["record"]]] += 1
    raise InvalidRunData(where, "the last line, though it does not say that the run ends here", "an uncut file")


def _require_end(records: Iterator[_LocatedRecord]) -> None:
    for where, _ in records:
        raise InvalidRunData(where, "a line after the end")


def _message(record: dict[str, Json], where: str) -> dict[str, Json]:
    key, speaker, blocks = (record.get(name) for name in ("hash", "speaker", "content"))
    content = canonical_json(blocks)
    if not isinstance(speaker, str) or content_hash(speaker, content) != key:
        raise InvalidRunData(where, f"a message that does not have the hash {key}")
    return {"hash": key, "speaker": speaker, "content": content}


def _text(record: dict[str, Json], where: str) -> dict[str, Json]:
    key, text = record.get("hash"), record.get("text")
    if not isinstance(text, str) or content_hash(text) != key:
        raise InvalidRunData(where, f"a text that does not have the hash {key}")
    return {"hash": key, "text": text}


def _event(record: dict[str, Json], known: set[str], where: str) -> dict[str, Json]:
    kind, data = record.get("kind"), record.get("data")
    if not isinstance(data, dict):
        raise InvalidRunData(where, "an event without fields")
    if kind not in EVENT_CLASS_BY_KIND:
        raise InvalidRunData(where, f"an event of kind {kind!r}", ", ".join(EVENT_CLASS_BY_KIND))
    try:
        EVENT_CLASS_BY_KIND[kind](**data)
    except TypeError as error:
        raise InvalidRunData(where, f"an event in `{kind}` with other fields than those have ({error})") from None
    pointers = [data[name] for name in ("message", "reply", "system", "tools") if name in data]
    if missing := [key for key in pointers if key not in known]:
        raise InvalidRunData(where, f"an event that points to {missing[0]}, which is not there")
    return {name: record.get(name) for name in EVENT} | {"data": canonical_json(data)}


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, Json], where: str) -> None:
    there = {column[1] for column in connection.execute(f"PRAGMA table_info({table})")}
    if unknown := sorted(set(row) - there):
        raise InvalidRunData(
            where, f"`{unknown[0]}`, which the table `{table}` does not have", ", ".join(sorted(there))
        )
    try:
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
    except sqlite3.Error as error:
        raise InvalidRunData(where, f"a row that the table `{table}` does not take ({error})") from None
