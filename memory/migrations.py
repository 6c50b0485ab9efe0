"""Create the tables of a run file.

A released migration never changes. A change of the schema needs a new migration, and adds 1 to `SCHEMA_VERSION`.
"""

import sqlite3

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from aarlab.memory.schema import MIGRATION_SET, TABLES_SQL, update_views

_MIGRATIONS = Migrations(MIGRATION_SET)


def create_schema(connection: sqlite3.Connection) -> None:
    """Create the tables, triggers and views of a new run file."""
    _MIGRATIONS.apply(Database(connection))
    update_views(connection)


@_MIGRATIONS()
def m001_event_log_and_content_store(db: Database) -> None:
    """Create the event log, the content store and the row of the run."""
    db.executescript(TABLES_SQL)
