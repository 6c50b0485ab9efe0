"""What a run that is forked takes over from its parent."""

import sqlite3


def copy_parent_events(connection: sqlite3.Connection, parent: sqlite3.Connection, before: int) -> None:
    """Copy what happened in a parent before a round, and all that it points to."""
    columns = "stream, ordinal, round, hours, kind, data, at"
    past = parent.execute(f"SELECT {columns} FROM events WHERE round < ? ORDER BY id", (before,))
    connection.executemany(f"INSERT INTO events ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", past)
    values = "SELECT DISTINCT value FROM events, json_each(events.data) WHERE json_each.type = 'text'"
    referenced = {value for (value,) in connection.execute(values)}
    for table, places in (("messages", "?, ?, ?"), ("texts", "?, ?")):
        rows = parent.execute(f"SELECT * FROM {table}")
        connection.executemany(f"INSERT INTO {table} VALUES ({places})", (row for row in rows if row[0] in referenced))
