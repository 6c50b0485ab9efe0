"""Create a run file from a run that was exported as JSON Lines. The file appears only if every check succeeds."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

from aarlab.export.jsonl_records import (
    EVENT_COLUMNS,
    EVENT_VERSION,
    FORMAT,
    FORMAT_VERSION,
    InvalidRunData,
    to_column,
    verified_records,
)
from aarlab.memory.atomic_file import atomic_output
from aarlab.memory.content_store import StoredContent
from aarlab.memory.events import EVENT_CLASS_BY_KIND, LogEntry
from aarlab.memory.messages import Json, canonical_json, content_hash
from aarlab.memory.migrations import create_schema
from aarlab.memory.run_copying import LogWriter
from aarlab.memory.run_reader import RunReader
from aarlab.memory.schema_sql import RUN_COLUMNS

_POSITION = tuple(name for name in EVENT_COLUMNS if name not in ("kind", "data"))
_LocatedRecord = tuple[str, dict[str, Json]]
_COUNT_FIELDS = {"message": "messages", "text": "texts", "event": "events"}
"""The field of the end record that has the number of records, by the kind of record."""


def import_jsonl(lines: IO[str], name: str, folder: Path) -> Path:
    """Create a run file in a folder, named after the id of the run, and return its path.

    Args:
        lines: What `write_jsonl` wrote.
        name: Name of the file that is read, for error messages.
        folder: Created if it does not exist.

    Raises:
        InvalidRunData: A record is missing, was changed, or was written by another version of the format.
        FileExistsError: A run file of this name exists.
        OSError: The run file cannot be written.
    """
    records = verified_records(lines, name)
    header = _header(records, name)
    path = folder / f"{header['run']['run_id']}.db"
    with atomic_output(path) as temporary:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")  # A crash loses only the temporary file.
            create_schema(connection)
            _fill(LogWriter(connection, path), header, records, name)
        with RunReader.open(temporary) as file:
            if (digest := file.digest()) != header["digest"]:
                raise InvalidRunData(f"{name}:1", f"the digest {header['digest']}, but the events have {digest}")
    return path


def _header(records: Iterator[_LocatedRecord], name: str) -> dict[str, Json]:
    """Return the first record, checked to be a header that this version can read."""
    where, header = next(records, (f"{name}:1", {}))
    if header.get("record") != "header" or header.get("format") != FORMAT:
        raise InvalidRunData(where, "no header of an exported run", "a file that `aarlab export --format jsonl` wrote")
    for field, supported in (("version", FORMAT_VERSION), ("schema", EVENT_VERSION)):
        number = header.get(field)
        if type(number) is not int or number != supported:
            expected = f"{supported}. Import the file with the aarlab that exported it"
            raise InvalidRunData(where, f"{field} {number!r}, from another version of aarlab", expected)
    run_id = header["run"].get("run_id") if isinstance(header.get("run"), dict) else None
    if not isinstance(run_id, str) or not run_id or Path(run_id).name != run_id or run_id.startswith("."):
        raise InvalidRunData(where, f"the run id {run_id!r}", "an id that can be a file name")
    return header


def _fill(log: LogWriter, header: dict[str, Json], records: Iterator[_LocatedRecord], name: str) -> None:
    """Insert the records into the tables of a new run file."""
    _insert_run(log, header["run"], f"{name}:1")
    known_hashes: set[str] = set()
    counts = dict.fromkeys(_COUNT_FIELDS.values(), 0)
    where = f"{name}:1"
    with log.atomic():
        for where, record in records:
            match record.get("record"):
                case "message" | "text":
                    stored = _message(record, where) if record["record"] == "message" else _text(record, where)
                    known_hashes.add(stored.hash)
                    log.contents.store(stored)
                case "event":
                    _add_event(log, record, known_hashes, where)
                case "end":
                    if (recorded_counts := {field: record.get(field) for field in counts}) != counts:
                        raise InvalidRunData(where, f"counts of {recorded_counts}, but the file has {counts}")
                    _require_end(records)
                    return
                case other:
                    raise InvalidRunData(where, f"the record {other!r}", "message, text, event or end")
            counts[_COUNT_FIELDS[record["record"]]] += 1
    raise InvalidRunData(where, "the last line, but it is not the end record", "a complete file")


def _require_end(records: Iterator[_LocatedRecord]) -> None:
    for where, _ in records:
        raise InvalidRunData(where, "a line after the end record")


def _message(record: dict[str, Json], where: str) -> StoredContent:
    key, speaker, blocks = (record.get(name) for name in ("hash", "speaker", "content"))
    content = canonical_json(blocks)
    if speaker not in ("user", "assistant") or content_hash(speaker, content) != key:
        raise InvalidRunData(where, f"a message that does not have the hash {key}")
    return StoredContent(content_hash(speaker, content), speaker, content)


def _text(record: dict[str, Json], where: str) -> StoredContent:
    key, text = record.get("hash"), record.get("text")
    if not isinstance(text, str) or content_hash(text) != key:
        raise InvalidRunData(where, f"a text that does not have the hash {key}")
    return StoredContent(content_hash(text), None, text)


def _add_event(log: LogWriter, record: dict[str, Json], known_hashes: set[str], where: str) -> None:
    kind, data = record.get("kind"), record.get("data")
    if not isinstance(data, dict):
        raise InvalidRunData(where, "an event without fields")
    if kind not in EVENT_CLASS_BY_KIND:
        raise InvalidRunData(where, f"an event of kind {kind!r}", ", ".join(EVENT_CLASS_BY_KIND))
    try:
        event = EVENT_CLASS_BY_KIND[kind](**data)
    except TypeError as error:
        raise InvalidRunData(where, f"an event of kind {kind!r} with wrong fields ({error})") from None
    references = [data[name] for name in ("message", "reply", "system", "tools") if name in data]
    if missing := [key for key in references if key not in known_hashes]:
        raise InvalidRunData(where, f"an event that refers to {missing[0]}, which the file does not contain")
    position: dict[str, Json] = {name: record.get(name) for name in _POSITION}
    try:
        log.add(LogEntry(**position, event=event))
    except (sqlite3.Error, TypeError, ValueError) as error:
        raise InvalidRunData(where, f"an event that cannot be inserted into the log ({error})") from None


def _insert_run(log: LogWriter, run: dict[str, Json], where: str) -> None:
    columns = RUN_COLUMNS.split(", ")
    if unknown := sorted(set(run) - set(columns)):
        raise InvalidRunData(where, f"`{unknown[0]}`, which the table `runs` does not have", ", ".join(sorted(columns)))
    try:
        log.insert_run({column: to_column(value) for column, value in run.items()})
    except sqlite3.Error as error:
        raise InvalidRunData(where, f"a row that cannot be inserted into the table `runs` ({error})") from None
