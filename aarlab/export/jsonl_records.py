"""The lines of an exported run: JSON objects, each with a hash that covers the line and all lines before it."""

import json
from collections.abc import Iterable, Iterator, Mapping

from aarlab.memory.messages import Json, canonical_json, content_hash

FORMAT = "aarlab run"
FORMAT_VERSION = 2
EVENT_VERSION = 1
"""Version of the fields of an event record; a run file may store them in another way."""
EVENT_COLUMNS = ("id", "stream", "ordinal", "round", "hours", "kind", "data", "at")
"""Columns of the table `events`, which are also the fields of an event record."""
DIGEST_COLUMNS = EVENT_COLUMNS[1:-1]
"""The columns that the digest of a run covers."""


class InvalidRunData(ValueError):
    """A run file or an exported run has contents that aarlab does not write.

    Attributes:
        where: Location of the contents, such as `run.jsonl:3`.
        problem: Description of the invalid contents.
        expected: Valid contents; None if `problem` describes them.
    """

    def __init__(self, where: str, problem: str, expected: str | None = None) -> None:
        super().__init__(f"{where}: {problem}")
        self.where, self.problem, self.expected = where, problem, expected


def from_column(value: Json) -> Json:
    """Return the JSON value of a column. Canonical JSON text of a list or object is parsed."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            parsed = json.loads(value)
            if canonical_json(parsed) == value:
                return parsed
        except ValueError:
            return value
    return value


def to_column(value: Json) -> Json:
    """Return the value of a column for a JSON value; the inverse of `from_column`."""
    return canonical_json(value) if isinstance(value, dict | list) else value


def with_chain_hashes(records: Iterable[Mapping[str, Json]]) -> Iterator[str]:
    """Yield each record as a line of JSON with its chain hash."""
    chain_hash = ""
    for record in records:
        chain_hash = content_hash(chain_hash, canonical_json(record))
        yield json.dumps({**record, "chain_hash": chain_hash}, ensure_ascii=False, allow_nan=False) + "\n"


def verified_records(lines: Iterable[str], name: str) -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield the location of each line, such as `FILE:3`, and its record without the chain hash.

    Args:
        lines: Lines of an exported run.
        name: Name of the file in locations.

    Raises:
        InvalidRunData: A line is not a record, or its chain hash does not fit this line and the lines before it.
    """
    chain_hash = ""
    for number, line in enumerate(lines, 1):
        where = f"{name}:{number}"
        try:
            record = json.loads(line)
        except ValueError:
            problem = "a line that is truncated or not JSON" if line.strip() else "an empty line"
            raise InvalidRunData(where, problem, "one JSON object per line") from None
        if not isinstance(record, dict) or "chain_hash" not in record:
            raise InvalidRunData(
                where, "a line without `chain_hash`", "lines that `aarlab export --format jsonl` of this version wrote"
            )
        recorded_chain_hash = record.pop("chain_hash")
        try:
            chain_hash = content_hash(chain_hash, canonical_json(record))
        except ValueError:
            raise InvalidRunData(where, "a number or character that JSON does not allow") from None
        if recorded_chain_hash != chain_hash:
            raise InvalidRunData(
                where, f"chain_hash {recorded_chain_hash}, but this line and those before it have {chain_hash}",
                "all lines of the export, unchanged and in order",
            )  # fmt: skip
        yield where, record
