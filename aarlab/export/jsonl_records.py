"""What a line of an exported run is: a JSON object with a chain_hash, which hangs on all lines before it."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping

from aarlab.memory.messages import Json, canonical_json, content_hash

FORMAT = "aarlab run"
FORMAT_VERSION = 1
EVENT = ("id", "stream", "ordinal", "round", "hours", "kind", "data", "at")
"""Columns of an event's row, and what its line has."""
DIGESTED = EVENT[1:-1]
"""Those of them over which a run's digest is taken."""


class InvalidRunData(ValueError):
    """What was read is not, or no longer, what aarlab wrote."""

    def __init__(self, where: str, found: str, allowed: str | None = None) -> None:
        """Take the place, what is there, and what may be there."""
        super().__init__(f"{where}: {found}")
        self.where, self.found, self.allowed = where, found, allowed


def from_column(value: Json) -> Json:
    """Return a column's value as JSON: what the file keeps as the canonical text of a list or object is spelt out."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            inside = json.loads(value)
            if canonical_json(inside) == value:
                return inside
        except ValueError:
            return value
    return value


def to_column(value: Json) -> Json:
    """Return a column's value as the file keeps it; the reverse of `from_column`."""
    return canonical_json(value) if isinstance(value, dict | list) else value


def rows(connection: sqlite3.Connection, query: str) -> Iterator[dict[str, Json]]:
    """Iterate over the rows of a query, by the names of their columns."""
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description]
    for row in cursor:
        yield dict(zip(names, row, strict=True))


def with_chain_hashes(records: Iterable[Mapping[str, Json]]) -> Iterator[str]:
    """Yield the lines of records, each with its chain_hash."""
    chain_hash = ""
    for record in records:
        chain_hash = content_hash(chain_hash, canonical_json(record))
        yield json.dumps({**record, "chain_hash": chain_hash}, ensure_ascii=False, allow_nan=False) + "\n"


def verified_records(lines: Iterable[str], name: str) -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield the place of each line, such as `FILE:3`, and its record.

    Raises:
        NotWhole: A line is not one that aarlab wrote after the lines before it.
    """
    chain_hash = ""
    for number, line in enumerate(lines, 1):
        where = f"{name}:{number}"
        try:
            record = json.loads(line)
        except ValueError:
            found = "a line that is cut off or no JSON" if line.strip() else "an empty line"
            raise InvalidRunData(where, found, "one JSON object a line") from None
        if not isinstance(record, dict) or "chain_hash" not in record:
            raise InvalidRunData(where, "no line of an exported run", "what `aarlab export --format jsonl` wrote")
        recorded_chain_hash = record.pop("chain_hash")
        try:
            chain_hash = content_hash(chain_hash, canonical_json(record))
        except ValueError:
            raise InvalidRunData(where, "a number or character that no JSON text has") from None
        if recorded_chain_hash != chain_hash:
            raise InvalidRunData(
                where, f"chain_hash {recorded_chain_hash}, which is not that of this line after those before it ({chain_hash})",
                "lines as they were exported, all of them and in order",
            )  # fmt: skip
        yield where, record
