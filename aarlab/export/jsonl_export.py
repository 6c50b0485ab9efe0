"""Write a run as JSON Lines: a header with the row of the run, messages, texts, events, and an end line with counts."""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import TextIO

from aarlab.export.jsonl_records import (
    DIGEST_COLUMNS,
    EVENT_COLUMNS,
    EVENT_VERSION,
    FORMAT,
    FORMAT_VERSION,
    InvalidRunData,
    from_column,
    with_chain_hashes,
)
from aarlab.export.redaction import Redaction
from aarlab.memory.content_store import StoredContent
from aarlab.memory.events import EVENT_CLASS_BY_KIND, is_in_digest
from aarlab.memory.messages import Json, canonical_json, content_hash
from aarlab.memory.run_info import settings_hash, with_summary_hash
from aarlab.memory.run_reader import RunReader
from aarlab.tools.evaluator.laboratory_secret import without_secret

_KEPT_RUN_COLUMNS = frozenset({"run_id", "created_at", "status", "sandbox", "aarlab_version"})
"""Columns of the table `runs` that are not redacted."""


def write_jsonl(file: RunReader, path: Path, redaction: Redaction | None = None) -> None:
    """Write a run to a new file of JSON Lines; docs/export.md describes the records.

    Raises:
        InvalidRunData: The run file is damaged, or the redaction matches a name that other records refer to.
        SchemaError: The run file cannot be read.
    """
    with path.open("x", encoding="utf-8", newline="\n") as out:
        stream_jsonl(file, out, Redaction(()) if redaction is None else redaction)


def stream_jsonl(file: RunReader, out: TextIO, redaction: Redaction) -> None:
    """Write a run to an open text file. The records and errors are those of `write_jsonl`."""
    # One transaction, so that events added by an active run do not appear in the middle of the export.
    with file.snapshot():
        out.writelines(with_chain_hashes(_records(file, redaction)))


def _records(file: RunReader, redaction: Redaction) -> Iterator[dict[str, Json]]:
    """Yield the records of a run.

    Everything is read once before the first record is yielded, because the header contains the digest and the number of
    replaced matches, and because damage must be detected before anything is written.
    """
    for _ in _contents(file, redaction):
        pass
    digest, events = blake2b(digest_size=16), 0
    for event in _events(file, redaction):
        events += 1
        if not is_in_digest(event["stream"], event["kind"]):
            continue
        covered = EVENT_CLASS_BY_KIND[event["kind"]](**event["data"]).digested_json()
        row = {**event, "data": canonical_json(covered)}
        digest.update(canonical_json([row[name] for name in DIGEST_COLUMNS]).encode() + b"\n")
    run = _run(file, redaction, digest.hexdigest())
    replaced = redaction.replaced
    yield {
        "record": "header",
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "schema": EVENT_VERSION,
        "digest": digest.hexdigest(),
        "redacted": {"replaced": replaced} if redaction else None,
        "run": run,
    }
    counts = {"message": 0, "text": 0}
    for record in _contents(file, redaction):
        counts[record["record"]] += 1
        yield record
    yield from _events(file, redaction)
    yield {"record": "end", "messages": counts["message"], "texts": counts["text"], "events": events}
    redaction.replaced = replaced  # The second pass has counted every match again.


def _run(file: RunReader, redaction: Redaction, digest: str) -> dict[str, Json]:
    """Return the row of the table `runs` with all its columns."""
    run_rows = list(file.run_rows())
    if len(run_rows) != 1:
        raise InvalidRunData(str(file.path), f"{len(run_rows)} rows in the table `runs`", "one row")
    run = {name: from_column(value) for name, value in run_rows[0].items()}
    run |= {name: without_secret(run[name]) for name in ("scenario", "fork_history")}
    if not redaction:
        return run
    redaction.require_no_match(run["run_id"], "the id of the run")
    run = {name: value if name in _KEPT_RUN_COLUMNS else redaction.json(value) for name, value in run.items()}
    # The copy of an altered run stays recognisable as altered.
    if isinstance(run["summary"], dict) and "digest" in run["summary"] and not file.is_altered():
        hashes = {"digest": digest, "settings_hash": settings_hash(run["scenario"], run["fork_history"] or ())}
        run["summary"] = with_summary_hash({**run["summary"], **hashes})
    return run


def _contents(file: RunReader, redaction: Redaction) -> Iterator[dict[str, Json]]:
    """Yield the messages, then the texts. Contents that become equal by redaction are yielded once."""
    stored = sorted(file.contents(), key=lambda content: (content.speaker is None, content.hash))
    yielded: set[str] = set()
    for content in stored:
        record = _content_record(content, redaction)
        redaction.renamed[content.hash] = record["hash"]
        if record["hash"] not in yielded:
            yield record
        yielded.add(record["hash"])


def _content_record(content: StoredContent, redaction: Redaction) -> dict[str, Json]:
    if content.speaker is None:
        if not content.has_its_hash:
            raise InvalidRunData(f"text {content.hash}", "a text that does not have this hash")
        text = redaction.model_text(content.content)
        return {"record": "text", "hash": content_hash(text), "text": text}
    blocks = from_column(content.content)
    if not isinstance(blocks, list) or not content.has_its_hash:
        raise InvalidRunData(f"message {content.hash}", "content that does not have this hash")
    if redaction:
        blocks = [redaction.block(block) for block in blocks]
    key = content_hash(content.speaker, canonical_json(blocks))
    return {"record": "message", "hash": key, "speaker": content.speaker, "content": blocks}


def _events(file: RunReader, redaction: Redaction) -> Iterator[dict[str, Json]]:
    """Yield the events in the order of stream and ordinal."""
    for stream in sorted(file.stream_lengths()):
        for entry in file.stream_range(stream, 0, 2**62):
            data = entry.event.to_json()
            if redaction:
                redaction.require_no_match(stream, "a stream of events")
                data = redaction.event(entry.event.kind, data)
            position = (entry.id, stream, entry.ordinal, entry.round, entry.hours, entry.event.kind, data, entry.at)
            yield {"record": "event", **dict(zip(EVENT_COLUMNS, position, strict=True))}
