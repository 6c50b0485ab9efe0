"""Write a run as JSON Lines: a header with the row of the run, messages, texts, events, and an end line with counts."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import TextIO

from aarlab.export.jsonl_records import (
    DIGEST_COLUMNS,
    EVENT_COLUMNS,
    FORMAT,
    FORMAT_VERSION,
    InvalidRunData,
    from_column,
    rows,
    with_chain_hashes,
)
from aarlab.export.redaction import Redaction
from aarlab.export.secret_free import without_secret
from aarlab.memory.messages import Json, canonical_json, content_hash
from aarlab.memory.run_reader import RunReader
from aarlab.memory.schema import SCHEMA_VERSION, connect_read_only

_KEPT_RUN_COLUMNS = frozenset({"run_id", "created_at", "status", "sandbox", "aarlab_version"})
"""Columns of the table `runs` that are not redacted."""


def write_jsonl(file: RunReader, path: Path, redaction: Redaction | None = None) -> None:
    """Write a run to a new file of JSON Lines; docs/export.md describes the records.

    Raises:
        InvalidRunData: The run file is damaged, or the redaction matches a name that other records refer to.
        sqlite3.DatabaseError: The run file cannot be read.
    """
    with path.open("x", encoding="utf-8", newline="\n") as out:
        stream_jsonl(file, out, Redaction(()) if redaction is None else redaction)


def stream_jsonl(file: RunReader, out: TextIO, redaction: Redaction) -> None:
    """Write a run to an open text file. The records and errors are those of `write_jsonl`."""
    path = file.path
    with closing(connect_read_only(path)) as connection:
        # One transaction, so that events added by an active run do not appear in the middle of the export.
        connection.execute("BEGIN")
        out.writelines(with_chain_hashes(_records(connection, path, redaction)))


def _records(connection: sqlite3.Connection, path: Path, redaction: Redaction) -> Iterator[dict[str, Json]]:
    """Yield the records of a run.

    Everything is read once before the first record is yielded, because the header contains the digest and the number of
    replaced matches, and because damage must be detected before anything is written.
    """
    for _ in _contents(connection, redaction):
        pass
    digest, events = blake2b(digest_size=16), 0
    for event in _events(connection, path, redaction):
        row = {**event, "data": canonical_json(event["data"])}
        digest.update(canonical_json([row[name] for name in DIGEST_COLUMNS]).encode() + b"\n")
        events += 1
    run = _run(connection, path, redaction, digest.hexdigest())
    replaced = redaction.replaced
    yield {
        "record": "header",
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "schema": SCHEMA_VERSION,
        "digest": digest.hexdigest(),
        "redacted": {"replaced": replaced} if redaction else None,
        "run": run,
    }
    counts = {"message": 0, "text": 0}
    for record in _contents(connection, redaction):
        counts[record["record"]] += 1
        yield record
    yield from _events(connection, path, redaction)
    yield {"record": "end", "messages": counts["message"], "texts": counts["text"], "events": events}
    redaction.replaced = replaced  # The second pass has counted every match again.


def _run(connection: sqlite3.Connection, path: Path, redaction: Redaction, digest: str) -> dict[str, Json]:
    """Return the row of the table `runs` with all its columns."""
    run_rows = list(rows(connection, "SELECT * FROM runs"))
    if len(run_rows) != 1:
        raise InvalidRunData(str(path), f"{len(run_rows)} rows in the table `runs`", "one row")
    run = {name: from_column(value) for name, value in run_rows[0].items()}
    run |= {name: without_secret(run[name]) for name in ("scenario", "fork_history")}
    if not redaction:
        return run
    redaction.require_no_match(run["run_id"], "the id of the run")
    run = {name: value if name in _KEPT_RUN_COLUMNS else redaction.json(value) for name, value in run.items()}
    if isinstance(run["summary"], dict) and "digest" in run["summary"]:
        run["summary"]["digest"] = digest
    return run


def _contents(connection: sqlite3.Connection, redaction: Redaction) -> Iterator[dict[str, Json]]:
    """Yield the messages, then the texts. Contents that become equal by redaction are yielded once."""
    yielded: set[str] = set()
    for row in rows(connection, "SELECT hash, speaker, content FROM messages ORDER BY hash"):
        blocks, speaker = from_column(row["content"]), row["speaker"]
        if not isinstance(blocks, list) or content_hash(speaker, canonical_json(blocks)) != row["hash"]:
            raise InvalidRunData(f"message {row['hash']}", "content that does not have this hash")
        if redaction:
            blocks = [redaction.block(block) for block in blocks]
        key = content_hash(speaker, canonical_json(blocks))
        redaction.renamed[row["hash"]] = key
        if key not in yielded:
            yield {"record": "message", "hash": key, "speaker": speaker, "content": blocks}
        yielded.add(key)
    yielded = set()
    for row in rows(connection, "SELECT hash, text FROM texts ORDER BY hash"):
        if content_hash(row["text"]) != row["hash"]:
            raise InvalidRunData(f"text {row['hash']}", "a text that does not have this hash")
        text = redaction.model_text(row["text"])
        key = content_hash(text)
        redaction.renamed[row["hash"]] = key
        if key not in yielded:
            yield {"record": "text", "hash": key, "text": text}
        yielded.add(key)


def _events(connection: sqlite3.Connection, path: Path, redaction: Redaction) -> Iterator[dict[str, Json]]:
    """Yield the events in the order of stream and ordinal."""
    for row in rows(connection, f"SELECT {', '.join(EVENT_COLUMNS)} FROM events ORDER BY stream, ordinal"):
        data = from_column(row["data"])
        if not isinstance(data, dict):
            raise InvalidRunData(str(path), f"event {row['id']} has data that aarlab does not write: {row['data']:.60}")
        if redaction:
            redaction.require_no_match(row["stream"], "a stream of events")
            data = redaction.event(row["kind"], data)
        yield {"record": "event", **row, "data": data}
