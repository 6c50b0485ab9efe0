"""The messages and texts of a run file, each stored once under its content hash."""

import sqlite3
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from aarlab.memory.messages import Message, Speaker, ToolCall, content_hash, is_hash, parse_json
from aarlab.memory.packing import unpack
from aarlab.memory.run_file_errors import ContentNotFound, SchemaError, damage_as_schema_error

_MAX_UNSTORED = 16
_HASHES_PER_READ = 256
_CONTENTS_PER_READ = 64
_MAX_STEP = 8
"""Maximum difference of the ids of two contents of which the second follows the first."""
_MAX_READ_CHARACTERS = 4_000_000
"""Characters of contents that are kept after they were read with others."""
_MIN_REFERENCED = 24
"""Characters from which on a text is stored as a reference to an argument."""
_SPEAKERS: tuple[Speaker, ...] = ("user", "assistant")
ArgumentReference = list[int | str]
"""Id of a message, number of a block in it, and name of an argument of the block's tool call."""


class StoredContent(NamedTuple):
    """A row of table `contents`."""

    hash: str
    speaker: Speaker | None
    """None: a text."""
    content: str
    """JSON list of the message's blocks, or the text."""

    def message(self) -> Message:
        """Return the message. Raises ValueError if it was changed, or is a text."""
        if self.speaker is None:
            raise ValueError(f"{self.hash} is a text")
        return Message.read(self.hash, self.speaker, self.content)

    @property
    def has_its_hash(self) -> bool:
        """Return whether the content is the one that was stored."""
        parts = (self.content,) if self.speaker is None else (self.speaker, self.content)
        return content_hash(*parts) == self.hash


class ContentStore:
    """Table `contents` of a run file."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, writable: bool) -> None:
        """Use an open connection; `path` appears in errors. Without `writable`, nothing new is written to the file."""
        self._path, self._connection, self._writable = path, connection, writable
        self._unstored: dict[str, Message | str] = {}
        """The last contents that were not written, by hash: a Divergence of a replay shows them."""
        self._pending: dict[str, tuple[int, StoredContent]] = {}
        """Id and content of what `write_pending` will write, by hash."""
        self._next_id: int | None = None
        self._last_message: tuple[int, Message] | None = None
        self._read: dict[int | str, StoredContent] = {}
        """Contents that were read with others, by id and by hash."""
        self._read_characters = 0
        self._last_found = 0
        """Id of the content that `find` read last."""

    def store_message(self, message: Message) -> str:
        """Store a message if it is new, and return its hash."""
        if not self._writable:
            return self._keep_unstored(message.key, message)
        key, content = message.stored()
        self._last_message = self.store(StoredContent(key, message.speaker, content)), message
        return key

    def store_text(self, text: str) -> str:
        """Store a text if it is new, and return its hash."""
        key = content_hash(text)
        if not self._writable:
            return self._keep_unstored(key, text)
        self.store(StoredContent(key, None, text))
        return key

    def _keep_unstored(self, key: str, content: Message | str) -> str:
        self._unstored[key] = content
        if len(self._unstored) > _MAX_UNSTORED:
            del self._unstored[next(iter(self._unstored))]
        return key

    def store(self, stored: StoredContent) -> int:
        """Store a content if it is new, and return its id. `write_pending` writes it."""
        known = self.id_of(stored.hash)
        if known is not None:
            return known
        if self._next_id is None:
            (self._next_id,) = self._connection.execute("SELECT ifnull(max(id), 0) + 1 FROM contents").fetchone()
        id_ = self._next_id
        self._next_id += 1
        self._pending[stored.hash] = id_, stored
        return id_

    @property
    def has_pending(self) -> bool:
        """Return whether there are contents that are not in the file yet."""
        return bool(self._pending)

    def write_pending(self) -> None:
        """Write the contents that are not in the file yet; `forget_pending` must follow once they are in it."""
        rows = [
            (id_, bytes.fromhex(key), None if speaker is None else _SPEAKERS.index(speaker), content)
            for id_, (key, speaker, content) in self._pending.values()
        ]
        self._connection.executemany("INSERT INTO contents VALUES (?, ?, ?, ?)", rows)

    def forget_pending(self) -> None:
        """Forget the contents that are not in the file yet."""
        self._pending.clear()

    def forget(self) -> None:
        """Forget all contents: a transaction was rolled back."""
        self.forget_pending()
        self._read.clear()

    def arguments_of(self, key: str) -> dict[str, ArgumentReference]:
        """Return a reference to each long text in the arguments of a stored message, by the text."""
        if self._last_message is not None and self._last_message[1].key == key:
            id_, message = self._last_message
        elif (number := self.id_of(key)) is None or (stored := self.find(key)) is None or not stored.has_its_hash:
            return {}
        else:
            id_, message = number, stored.message()
        return {
            value: [id_, number, name]
            for number, block in enumerate(message.blocks)
            if isinstance(block, ToolCall)
            for name, value in block.arguments.items()
            if isinstance(value, str) and len(value) >= _MIN_REFERENCED and name.isidentifier()
        }

    def argument(self, reference: ArgumentReference) -> str:
        """Return the text that a reference is to. Raises ContentNotFound if its message is missing."""
        id_, number, name = reference
        block = parse_json(self._by_id(int(id_)).content)[int(number)]
        text = block["input"][name]
        if not isinstance(text, str):
            raise SchemaError(f"{self._path} is damaged (the argument {name} of message {id_} is no text)")
        return text

    def message(self, key: str) -> Message:
        """Return the message with this hash. Raises ContentNotFound if there is none, SchemaError if it was changed."""
        with damage_as_schema_error(self._path, writable=self._writable):
            stored = self.find(key)
            if stored is None or stored.speaker is None:
                raise ContentNotFound(f"no message {key} in {self._path}")
            return stored.message()

    def text(self, key: str) -> str:
        """Return the text with this hash. Raises ContentNotFound if there is none, SchemaError if it was changed."""
        with damage_as_schema_error(self._path, writable=self._writable):
            stored = self.find(key)
            if stored is None or stored.speaker is not None:
                raise ContentNotFound(f"no text {key} in {self._path}")
            if not stored.has_its_hash:
                raise SchemaError(f"{self._path} is damaged (the text {key} does not have this hash)")
            return stored.content

    def content(self, key: str) -> str | None:
        """Return the text, or the JSON of the message's blocks, with this hash; None if there is neither."""
        if (unstored := self._unstored.get(key)) is not None:
            return unstored.stored()[1] if isinstance(unstored, Message) else unstored
        stored = self.find(key)
        return None if stored is None else stored.content

    def has_content(self, key: str) -> bool:
        """Return whether there is a text or a message with this hash."""
        return self.id_of(key) is not None

    def hashes(self) -> set[str]:
        """Return the hashes of all contents in the file."""
        return {bytes(key).hex() for (key,) in self._connection.execute("SELECT hash FROM contents")}

    def all(self) -> Iterator[StoredContent]:
        """Iterate over the contents in the file in the order in which they were stored."""
        for _, *row in self._connection.execute("SELECT id, hash, speaker, content FROM contents ORDER BY id"):
            yield self._stored(*row)

    def id_of(self, key: str) -> int | None:
        """Return the id of the content with this hash; None if there is none."""
        if key in self._pending:
            return self._pending[key][0]
        row = self._row_of("id", key)
        return None if row is None else int(row[0])

    def hashes_near(self, id_: int) -> dict[int, str]:
        """Return the hashes of a content and of those stored before and after it, by id.

        Events that follow each other refer to contents that do, and many rows take little longer to read than one.
        Raises ContentNotFound if there is no such content.
        """
        first = id_ - id_ % _HASHES_PER_READ
        query = "SELECT id, hash FROM contents WHERE id BETWEEN ? AND ?"
        rows = self._connection.execute(query, (first, first + _HASHES_PER_READ - 1))
        hashes = {number: bytes(hash_).hex() for number, hash_ in rows}
        return hashes if id_ in hashes else {id_: self._by_id(id_).hash}

    def _by_id(self, id_: int) -> StoredContent:
        if id_ not in self._read:
            self._read_from(id_)
        if id_ in self._read:
            return self._read[id_]
        for pending_id, stored in self._pending.values():
            if pending_id == id_:
                return stored
        raise ContentNotFound(f"an event refers to content {id_}, which is not in the file {self._path}")

    def _read_from(self, id_: int) -> None:
        """Read a content and those stored after it, to which the next events refer."""
        query = "SELECT id, hash, speaker, content FROM contents WHERE id >= ? ORDER BY id LIMIT ?"
        for number, *row in self._connection.execute(query, (id_, _CONTENTS_PER_READ)):
            stored = self._stored(*row)
            if self._read_characters + len(stored.content) > _MAX_READ_CHARACTERS:
                if number != id_:
                    return
                self._read.clear()
                self._read_characters = 0
            self._read[number] = self._read[stored.hash] = stored
            self._read_characters += len(stored.content)

    def find(self, key: str) -> StoredContent | None:
        """Return the message or text with this hash as it is stored; None if there is none."""
        if key in self._pending:
            return self._pending[key][1]
        if key in self._read:
            return self._read[key]
        row = self._row_of("id, hash, speaker, content", key)
        if row is None:
            return None
        id_, *columns = row
        if 0 < id_ - self._last_found <= _MAX_STEP:  # contents are read in their order: the next ones will follow
            self._read_from(id_)
        self._last_found = id_
        return self._stored(*columns)

    def _row_of(self, columns: str, key: str) -> tuple[Any, ...] | None:
        if not is_hash(key):
            return None
        hash_ = bytes.fromhex(key)
        query = f"SELECT {columns} FROM contents WHERE substr(hash, 1, 5) = ? AND hash = ?"
        row: tuple[Any, ...] | None = self._connection.execute(query, (hash_[:5], hash_)).fetchone()
        return row

    def _stored(self, hash_: bytes, speaker: int | None, content: str | bytes) -> StoredContent:
        if isinstance(content, bytes):
            content = unpack(content, self._dictionary)
        return StoredContent(bytes(hash_).hex(), None if speaker is None else _SPEAKERS[speaker], content)

    @cached_property
    def _dictionary(self) -> bytes:
        (dictionary,) = self._connection.execute("SELECT dictionary FROM runs").fetchone()
        if not isinstance(dictionary, bytes):
            raise SchemaError(f"{self._path} is damaged (it has packed contents, but no dictionary)")
        return dictionary
