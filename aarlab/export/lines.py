"""What a line of an exported run is: a JSON object with a seal, which hangs on all lines before it."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping

from aarlab.memory.messages import Json, canonical, content_hash

FORMAT = "aarlab run"
FORMAT_VERSION = 1
EVENT = ("id", "stream", "ordinal", "round", "hours", "kind", "data", "at")
"""Columns of an event's row, and what its line has."""
DIGESTED = EVENT[1:-1]
"""Those of them over which a run's digest is taken."""


class NotWhole(ValueError):
    """What was read is not, or no longer, what aarlab wrote."""

    def __init__(self, where: str, found: str, allowed: str | None = None) -> None:
        """Take the place, what is there, and what may be there."""
        super().__init__(f"{where}: {found}")
        self.where, self.found, self.allowed = where, found, allowed


def unpacked(value: Json) -> Json:
    """Return a column's value as JSON: what the file keeps as the canonical text of a list or object is spelt out."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            inside = json.loads(value)
            if canonical(inside) == value:
                return inside
        except ValueError:
            return value
    return value


def packed(value: Json) -> Json:
    """Return a column's value as the file keeps it; the reverse of `unpacked`."""
    return canonical(value) if isinstance(value, dict | list) else value


def rows(connection: sqlite3.Connection, query: str) -> Iterator[dict[str, Json]]:
    """Iterate over the rows of a query, by the names of their columns."""
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description]
    for row in cursor:
        yield dict(zip(names, row, strict=True))


def sealed(records: Iterable[Mapping[str, Json]]) -> Iterator[str]:
    """Yield the lines of records, each with its seal."""
    seal = ""
    for record in records:
        seal = content_hash(seal, canonical(record))
        yield json.dumps({**record, "seal": seal}, ensure_ascii=False, allow_nan=False) + "\n"


def unsealed(lines: Iterable[str], name: str) -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield the place of each line, such as `FILE:3`, and its record.

    Raises:
        NotWhole: A line is not one that aarlab wrote after the lines before it.
    """
    seal = ""
    for number, line in enumerate(lines, 1):
        where = f"{name}:{number}"
        try:
            record = json.loads(line)
        except ValueError:
            found = "a line that is cut off or no JSON" if line.strip() else "an empty line"
            raise NotWhole(where, found, "one JSON object a line") from None
        if not isinstance(record, dict) or "seal" not in record:
            raise NotWhole(where, "no line of an exported run", "what `aarlab export --format jsonl` wrote")
        told = record.pop("seal")
        try:
            seal = content_hash(seal, canonical(record))
        except ValueError:
            raise NotWhole(where, "a number or character that no JSON text has") from None
        if told != seal:
            raise NotWhole(
                where, f"seal {told}, which is not that of this line after those before it ({seal})",
                "lines as they were exported, all of them and in order",
            )  # fmt: skip
        yield where, record
