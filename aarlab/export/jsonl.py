"""A run as JSON Lines: the run's row, the messages and texts it points to, its events, and a last line that counts."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import TextIO

from aarlab.export.jsonl_records import (
    DIGESTED,
    EVENT,
    FORMAT,
    FORMAT_VERSION,
    InvalidRunData,
    from_column,
    rows,
    with_chain_hashes,
)
from aarlab.export.redaction import Redaction
from aarlab.memory.messages import Json, canonical_json, content_hash


def write_jsonl(path: Path, out: TextIO, redaction: Redaction) -> None:
    """Write a run file's content as lines; see docs/export.md for what they have.

    Raises:
        NotWhole: What is in the file is not what aarlab writes, or the redaction would take the run apart.
        sqlite3.DatabaseError: The file cannot be read.
    """
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)) as connection:
        # One view of the file, should the run be going on.
        connection.execute("BEGIN")
        out.writelines(with_chain_hashes(_records(connection, path, redaction)))


def _records(connection: sqlite3.Connection, path: Path, redaction: Redaction) -> Iterator[dict[str, Json]]:
    """Yield the records of a run.

    All is gone through before the first is yielded: the header tells the digest and what was replaced, and a file that
    is not whole is found before anything is written.
    """
    for _ in _contents(connection, redaction):
        pass
    digest, events = blake2b(digest_size=16), 0
    for event in _events(connection, path, redaction):
        row = {**event, "data": canonical_json(event["data"])}
        digest.update(canonical_json([row[name] for name in DIGESTED]).encode() + b"\n")
        events += 1
    run = _run(connection, path, redaction, digest.hexdigest())
    replaced = redaction.replaced
    yield {
        "record": "header",
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "schema": connection.execute("PRAGMA user_version").fetchone()[0],
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
    redaction.replaced = replaced  # Gone through twice, everything was counted twice.


def _run(connection: sqlite3.Connection, path: Path, redaction: Redaction, digest: str) -> dict[str, Json]:
    """Return the run's own row, with whatever columns it has."""
    found = list(rows(connection, "SELECT * FROM runs"))
    if len(found) != 1:
        raise InvalidRunData(str(path), f"{len(found)} rows in the table `runs`", "one")
    run = {name: from_column(value) for name, value in found[0].items()}
    if not redaction:
        return run
    redaction.name(run["run_id"], "the run's id")
    kept = ("run_id", "created_at", "status", "sandbox", "aarlab_version")
    run = {name: value if name in kept else redaction.json(value) for name, value in run.items()}
    if isinstance(run["summary"], dict) and "digest" in run["summary"]:
        run["summary"]["digest"] = digest
    return run


def _contents(connection: sqlite3.Connection, redaction: Redaction) -> Iterator[dict[str, Json]]:
    """Yield messages and texts, each once."""
    seen: set[str] = set()
    for row in rows(connection, "SELECT hash, speaker, content FROM messages ORDER BY hash"):
        blocks, speaker = from_column(row["content"]), row["speaker"]
        if not isinstance(blocks, list) or content_hash(speaker, canonical_json(blocks)) != row["hash"]:
            raise InvalidRunData(f"message {row['hash']}", "content that does not have this hash")
        if redaction:
            blocks = [redaction.block(block) for block in blocks]
        key = content_hash(speaker, canonical_json(blocks))
        redaction.renamed[row["hash"]] = key
        if key not in seen:
            yield {"record": "message", "hash": key, "speaker": speaker, "content": blocks}
        seen.add(key)
    seen = set()
    for row in rows(connection, "SELECT hash, text FROM texts ORDER BY hash"):
        if content_hash(row["text"]) != row["hash"]:
            raise InvalidRunData(f"text {row['hash']}", "a text that does not have this hash")
        text = redaction.model_text(row["text"])
        key = content_hash(text)
        redaction.renamed[row["hash"]] = key
        if key not in seen:
            yield {"record": "text", "hash": key, "text": text}
        seen.add(key)


def _events(connection: sqlite3.Connection, path: Path, redaction: Redaction) -> Iterator[dict[str, Json]]:
    """Yield events stream by stream."""
    for row in rows(connection, f"SELECT {', '.join(EVENT)} FROM events ORDER BY stream, ordinal"):
        data = from_column(row["data"])
        if not isinstance(data, dict):
            raise InvalidRunData(str(path), f"event {row['id']} is not as aarlab writes events: {row['data']:.60}")
        if redaction:
            redaction.name(row["stream"], "a stream of events")
            data = redaction.event(row["kind"], data)
        yield {"record": "event", **row, "data": data}
