"""Create the tables of a new run file, by the migrations of sqlite-utils.

A change of the schema needs a new migration with the next number, which is `SCHEMA_VERSION`. Version 1 had other
tables; `version_one` copies its files into new ones.
"""

import sqlite3

from aarlab.memory.schema import MIGRATION_SET, update_views
from aarlab.memory.schema_sql import TABLES_SQL
from aarlab.memory.sqlite_database import Database, Migrations

_MIGRATIONS = Migrations(MIGRATION_SET)


def create_schema(connection: sqlite3.Connection) -> None:
    """Create the tables, triggers and views of a new run file."""
    _MIGRATIONS.apply(Database(connection))
    update_views(connection)


@_MIGRATIONS()
def m002_compact_log(db: Database) -> None:
    """Create the log, the contents, the instructions and the row of the run."""
    db.executescript(TABLES_SQL)
