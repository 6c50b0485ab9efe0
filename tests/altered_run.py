"""Alter the events, messages and texts of a run file, as a person could who knows how they are stored."""

import sqlite3
from contextlib import closing
from pathlib import Path

from aarlab.memory.events import LogEntry, decode_event
from aarlab.memory.messages import canonical_json
from aarlab.memory.run_copying import LogWriter
from aarlab.memory.run_reader import RunReader

_COLUMNS = "id, stream, ordinal, round, hours, kind, data, at"


def alter(path: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    """Execute SQL statements that change tables `events`, `messages`, `texts` or `runs`; each must change some row.

    Events are as in the view of this name, with `data` in canonical JSON.
    """
    with RunReader.open(path) as file:
        rows = [
            (entry.id, entry.stream, entry.ordinal, entry.round, entry.hours, entry.event.kind,
                canonical_json(entry.event.to_json()), entry.at)
            for entry in file.entries()
        ]  # fmt: skip
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"CREATE TEMP TABLE events ({_COLUMNS})")
        connection.executemany("INSERT INTO temp.events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("CREATE TEMP TABLE messages AS SELECT * FROM main.messages")
        connection.execute("CREATE TEMP TABLE texts AS SELECT * FROM main.texts")
        for statement in statements:
            assert connection.execute(statement, values).rowcount > 0, statement
        altered = connection.execute(f"SELECT {_COLUMNS} FROM temp.events").fetchall()
        if altered != rows:
            _write_events(path, connection, altered)
        _write_contents(connection)


def _write_events(path: Path, connection: sqlite3.Connection, rows: list[tuple[object, ...]]) -> None:
    query = "SELECT name, sql FROM main.sqlite_master WHERE tbl_name = 'log' AND type = 'trigger'"
    triggers = dict(connection.execute(query).fetchall())
    for trigger in triggers:
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute("DELETE FROM log")
    log = LogWriter(connection, path)
    with log.atomic():
        for *position, kind, data, at in rows:
            log.add(LogEntry(*position, decode_event(kind, data), at))  # type: ignore[arg-type]
    for sql in triggers.values():
        connection.execute(sql)


def _write_contents(connection: sqlite3.Connection) -> None:
    for table, column in (("messages", "content"), ("texts", "text")):
        connection.execute(
            f"UPDATE contents SET content = t.{column} FROM temp.{table} AS t "
            f"WHERE lower(hex(contents.hash)) = t.hash AND contents.content <> t.{column}"
        )
        known = "SELECT hash FROM main." + table
        connection.execute(
            f"DELETE FROM contents WHERE lower(hex(hash)) IN ({known}) "
            f"AND lower(hex(hash)) NOT IN (SELECT hash FROM temp.{table})"
        )
