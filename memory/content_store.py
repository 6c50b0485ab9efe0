"""The messages and texts of a run file, each stored once under its content hash."""

import sqlite3
from pathlib import Path

from aarlab.memory.messages import Message, content_hash
from aarlab.memory.run_file_errors import ContentNotFound, SchemaError, damage_as_schema_error

_MAX_UNSTORED = 16


class ContentStore:
    """Tables `messages` and `texts` of a run file."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, writable: bool) -> None:
        """Use an open connection; `path` appears in errors. Without `writable`, nothing new is written to the file."""
        self._path, self._connection, self._writable = path, connection, writable
        self._unstored_contents: dict[str, str] = {}
        """The last contents that were not written, by hash: a Divergence of a replay shows them."""

    def store_message(self, message: Message) -> str:
        """Store a message if it is new, and return its hash."""
        key, content = message.stored()
        self._store("messages", key, message.speaker, content)
        return key

    def store_text(self, text: str) -> str:
        """Store a text if it is new, and return its hash."""
        key = content_hash(text)
        self._store("texts", key, text)
        return key

    def _store(self, table: str, *row: str) -> None:
        if self._writable:
            self._connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})", row)
            return
        self._unstored_contents[row[0]] = row[-1]
        if len(self._unstored_contents) > _MAX_UNSTORED:
            del self._unstored_contents[next(iter(self._unstored_contents))]

    def message(self, key: str) -> Message:
        """Return the message with this hash. Raises ContentNotFound if there is none, SchemaError if it was changed."""
        with damage_as_schema_error(self._path, writable=self._writable):
            row = self._connection.execute("SELECT speaker, content FROM messages WHERE hash = ?", (key,)).fetchone()
            if row is None:
                raise ContentNotFound(f"no message {key} in {self._path}")
            return Message.read(key, *row)

    def text(self, key: str) -> str:
        """Return the text with this hash. Raises ContentNotFound if there is none, SchemaError if it was changed."""
        with damage_as_schema_error(self._path, writable=self._writable):
            row = self._connection.execute("SELECT text FROM texts WHERE hash = ?", (key,)).fetchone()
            if row is None:
                raise ContentNotFound(f"no text {key} in {self._path}")
            if content_hash(*row) != key:
                raise SchemaError(f"{self._path} is damaged (the text {key} does not have this hash)")
            return str(row[0])

    def content(self, key: str) -> str | None:
        """Return the text, or the JSON of the message's blocks, with this hash; None if there is neither."""
        if key in self._unstored_contents:
            return self._unstored_contents[key]
        for query in ("SELECT text FROM texts WHERE hash = ?", "SELECT content FROM messages WHERE hash = ?"):
            if (row := self._connection.execute(query, (key,)).fetchone()) is not None:
                return str(row[0])
        return None

    def has_content(self, key: str) -> bool:
        """Return whether there is a text or a message with this hash."""
        query = "SELECT EXISTS (SELECT 1 FROM texts WHERE hash = ?1) OR EXISTS (SELECT 1 FROM messages WHERE hash = ?1)"
        return bool(self._connection.execute(query, (key,)).fetchone()[0])
