"""Compress the contents of a run file, each for itself, with a dictionary that they share."""

import sqlite3
import zlib
from contextlib import suppress

from aarlab.memory.schema import update_views
from aarlab.memory.schema_sql import UNPACK_FUNCTION

_MAX_DICTIONARY = 2**15
"""Bytes of the window of deflate."""
_CHARACTERS_PER_DICTIONARY_BYTE = 32
"""A dictionary is part of the file, so a small file has a small one."""
_SAMPLE = 512
"""Bytes at the beginning of a content that the dictionary takes over; it has those of contents at equal distances."""
_MAX_CONTENT = 2**28
"""Bytes of a decompressed content; more is refused, because a small file could fill the memory."""


def pack(content: str, dictionary: bytes) -> bytes | str:
    """Return a compressed content, or the content itself where that is not longer."""
    encoded = content.encode()
    if len(encoded) > _MAX_CONTENT:
        return content
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=dictionary)
    packed = compressor.compress(encoded) + compressor.flush()
    return packed if len(packed) < len(encoded) else content


def unpack(packed: bytes, dictionary: bytes) -> str:
    """Return the content that `pack` compressed. Raises ValueError if it is damaged or too large."""
    decompressor = zlib.decompressobj(-15, zdict=dictionary)
    try:
        content = decompressor.decompress(packed, _MAX_CONTENT)
    except zlib.error as error:
        raise ValueError(f"a packed content cannot be decompressed ({error})") from None
    if not decompressor.eof:
        raise ValueError("a packed content is incomplete or too large")
    return content.decode()


def is_packed(connection: sqlite3.Connection) -> bool:
    """Return whether a run file is packed."""
    return bool(connection.execute("SELECT EXISTS (SELECT 1 FROM runs WHERE dictionary IS NOT NULL)").fetchone()[0])


def pack_contents(connection: sqlite3.Connection) -> None:
    """Compress the contents of a run file, in one transaction. The caller has its lock."""
    _rewrite(connection, _dictionary_of(connection), packed=True)


def unpack_contents(connection: sqlite3.Connection) -> None:
    """Decompress the contents of a packed run file, in one transaction. The caller has its lock.

    Raises:
        ValueError: A content is damaged. Nothing was changed.
    """
    _rewrite(connection, connection.execute("SELECT dictionary FROM runs").fetchone()[0], packed=False)


def add_unpack_function(connection: sqlite3.Connection) -> None:
    """Register the function with which the views of a packed file decompress a content."""
    (dictionary,) = connection.execute("SELECT dictionary FROM runs").fetchone()

    def unpacked(content: str | bytes) -> str:
        return unpack(content, dictionary) if isinstance(content, bytes) else content

    connection.create_function(UNPACK_FUNCTION, 1, unpacked, deterministic=True)


def _dictionary_of(connection: sqlite3.Connection) -> bytes:
    n_contents, n_characters = connection.execute("SELECT count(*), sum(length(content)) FROM contents").fetchone()
    room = min(_MAX_DICTIONARY, (n_characters or 0) // _CHARACTERS_PER_DICTIONARY_BYTE)
    step = max(1, n_contents * _SAMPLE // max(room, 1))
    rows = connection.execute("SELECT content FROM contents WHERE id % ? = 0 ORDER BY id", (step,))
    samples = b"".join(content.encode()[:_SAMPLE] for (content,) in rows)
    return samples[:room]


def _rewrite(connection: sqlite3.Connection, dictionary: bytes, *, packed: bool) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for (id_,) in connection.execute("SELECT id FROM contents").fetchall():
            (content,) = connection.execute("SELECT content FROM contents WHERE id = ?", (id_,)).fetchone()
            if isinstance(content, str) == packed:
                rewritten = pack(content, dictionary) if packed else unpack(content, dictionary)
                connection.execute("UPDATE contents SET content = ? WHERE id = ?", (rewritten, id_))
        connection.execute("UPDATE runs SET dictionary = ?", (dictionary if packed else None,))
        update_views(connection, packed=packed)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite has rolled back by itself
            connection.execute("ROLLBACK")
        raise
