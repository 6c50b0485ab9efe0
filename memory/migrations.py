"""Create the tables of a run file.

A released migration never changes. A change of the schema needs a new migration, and adds 1 to `SCHEMA_VERSION`.
"""

import sqlite3

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from aarlab.memory.schema import MIGRATION_SET, update_views

_MIGRATIONS = Migrations(MIGRATION_SET)


def create_schema(connection: sqlite3.Connection) -> None:
    """Create the tables, triggers and views of a new run file."""
    _MIGRATIONS.apply(Database(connection))
    update_views(connection)


@_MIGRATIONS()
def m001_event_log_and_content_store(db: Database) -> None:
    """Create the event log, the content store and the row of the run."""
    db.executescript(
        """
        CREATE TABLE runs (
            run_id TEXT PRIMARY KEY,
            aarlab_version TEXT NOT NULL,
            created_at TEXT NOT NULL,    -- ISO 8601, UTC
            seed INTEGER NOT NULL,
            scenario TEXT NOT NULL,      -- JSON: the resolved scenario
            status TEXT NOT NULL,        -- running | done | stopped | failed | partial (imported findings)
            summary TEXT,                -- JSON: as printed by `aarlab run --json`; NULL until the close
            sandbox TEXT,                -- strict | docker | none; NULL if it was not recorded
            fork_history TEXT            -- JSON: earlier segments of a forked run; else NULL
        );
        CREATE TABLE messages (
            hash TEXT PRIMARY KEY,       -- of speaker and content; each message is stored once
            speaker TEXT NOT NULL,       -- user | assistant
            content TEXT NOT NULL        -- JSON list of blocks: text, thinking, tool_use, tool_result
        ) WITHOUT ROWID;
        CREATE TABLE texts (
            hash TEXT PRIMARY KEY,       -- code of methods, system prompts, tool definitions
            text TEXT NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE events (
            id INTEGER PRIMARY KEY,      -- order of arrival; arbitrary between streams of one round
            stream TEXT NOT NULL,        -- agent, or 'team'
            ordinal INTEGER NOT NULL,    -- 0, 1, 2, ... within the stream
            round INTEGER NOT NULL,      -- 0 is the setup
            hours REAL NOT NULL,         -- research hours the agent had used
            kind TEXT NOT NULL,          -- also the name of the view that shows the fields as columns
            data TEXT NOT NULL,          -- JSON
            at TEXT NOT NULL,            -- wall-clock time, UTC; not part of the digest
            UNIQUE (stream, ordinal)
        );
        CREATE INDEX events_by_kind ON events (kind);
        CREATE TRIGGER events_reject_updates BEFORE UPDATE ON events
            BEGIN SELECT raise(ABORT, 'events are append-only'); END;
        CREATE TRIGGER events_reject_deletes BEFORE DELETE ON events
            BEGIN SELECT raise(ABORT, 'events are append-only'); END;
        """
    )
