"""The SQL of a run file: tables, and the views that show its contents in any SQLite browser."""

import re
from collections.abc import Iterator
from functools import cache

from aarlab.memory.event_base import EVENT_CLASS_BY_KIND, Storage, stored_fields

SCHEMA_VERSION = 2
"""Number of the newest migration of a run file that this version of aarlab writes."""
MAX_EVENTS_PER_ROW = 16
UNPACK_FUNCTION = "aarlab_unpack"
"""SQL function of the views of a packed file: it decompresses a content."""
TABLES_SQL = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    aarlab_version TEXT NOT NULL,
    created_at TEXT NOT NULL,    -- ISO 8601, UTC
    seed INTEGER NOT NULL,
    scenario TEXT NOT NULL,      -- JSON: the resolved scenario
    status TEXT NOT NULL,        -- running | waiting | done | stopped | failed | partial (imported findings)
    summary TEXT,                -- JSON: as printed by `aarlab run --json`; NULL until the close
    sandbox TEXT,                -- strict | docker | none; NULL if it was not recorded
    fork_history TEXT,           -- JSON: earlier segments of a forked run; else NULL
    dictionary BLOB              -- of the compressed contents of a packed file; else NULL
) WITHOUT ROWID;
CREATE TABLE names (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL           -- streams, and short values that many events have
);
CREATE TABLE contents (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,          -- of speaker and content; each content is stored once
    speaker INTEGER,             -- 0: user, 1: assistant; NULL: not a message, but a text
    content NOT NULL             -- JSON list of blocks, or a text; a BLOB is packed
);
CREATE INDEX contents_by_hash ON contents (substr(hash, 1, 5));
CREATE TABLE kinds (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,          -- also the name of the view that shows the fields as columns
    fields TEXT NOT NULL         -- JSON list of each field's name and storage: value | name | content | text
);
CREATE TABLE layouts (
    layout INTEGER NOT NULL,
    place INTEGER NOT NULL,      -- of an event in the rows of the log that have this layout, from 0
    kind INTEGER NOT NULL,
    PRIMARY KEY (layout, place)
) WITHOUT ROWID;
CREATE TABLE log (
    id INTEGER PRIMARY KEY,      -- of the row's first event; order of arrival
    stream INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,    -- of the row's first event
    round INTEGER NOT NULL,
    at INTEGER NOT NULL,         -- milliseconds since 1970, UTC
    layout INTEGER NOT NULL,     -- the kinds of the row's events
    data TEXT NOT NULL,          -- JSON: for each event its hours and its fields; NULLs at the end are left out
    UNIQUE (stream, ordinal)
);
CREATE TABLE instructions (
    id TEXT NOT NULL UNIQUE,
    question TEXT UNIQUE,        -- id of the question that it answers; NULL: none
    action TEXT NOT NULL,        -- approve | modify | reject | advise | stop | post | message | pause
    arguments TEXT NOT NULL,     -- JSON
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    at TEXT NOT NULL             -- wall-clock time, UTC
);                               -- written by other processes; the events `person_actions` tell what was taken up
CREATE INDEX log_by_layout ON log (layout, stream);
CREATE TRIGGER log_rejects_updates BEFORE UPDATE ON log
    BEGIN SELECT raise(ABORT, 'events are append-only'); END;
CREATE TRIGGER log_rejects_deletes BEFORE DELETE ON log
    BEGIN SELECT raise(ABORT, 'events are append-only'); END;
CREATE TRIGGER instructions_reject_updates BEFORE UPDATE ON instructions
    BEGIN SELECT raise(ABORT, 'instructions are append-only'); END;
CREATE TRIGGER instructions_reject_deletes BEFORE DELETE ON instructions
    BEGIN SELECT raise(ABORT, 'instructions are append-only'); END;
"""
"""The tables, indexes and triggers of a run file."""
RUN_COLUMNS = "run_id, aarlab_version, created_at, seed, scenario, status, summary, sandbox, fork_history"
"""The columns of table `runs` that describe the run."""
EVENT_TRIGGERS = frozenset({"log_rejects_updates", "log_rejects_deletes"})

_POSITION = "log.id + layouts.place AS {id}, names.name AS stream, log.ordinal + layouts.place AS ordinal, log.round"
_HOURS = "json_extract(log.data, '$[' || layouts.place || '][0]') AS hours"
_AT = "strftime('%Y-%m-%dT%H:%M:%f+00:00', log.at / 1000.0, 'unixepoch') AS at"
_TABLES = (
    "FROM kinds CROSS JOIN layouts ON layouts.kind = kinds.id CROSS JOIN log ON log.layout = layouts.layout "
    "CROSS JOIN names ON names.id = log.stream"
)
_ARGUMENT = "'$[' || json_extract({value}, '$[1]') || '].input.' || json_extract({value}, '$[2]')"
"""JSON path, in the blocks of a message, of the argument that a `text` field refers to."""
_EXPRESSIONS: dict[Storage, str] = {
    "value": "{value}",
    "name": "(SELECT n.name FROM names AS n WHERE n.id = {value})",
    "content": "ifnull((SELECT lower(hex(c.hash)) FROM contents AS c WHERE c.id = {value}), {value})",
    "text": (
        "CASE {type} WHEN 'array' THEN (SELECT json_extract({content}, " + _ARGUMENT + ") FROM contents AS c "
        "WHERE c.id = json_extract({value}, '$[0]')) ELSE {value} END"
    ),
}
"""By storage of a field, the SQL of its value."""


def event_view_sql(kind: str, fields: Iterator[tuple[str, Storage]], *, packed: bool = False) -> str:
    """Return the SQL of the view that shows one kind of event with a column for each of its fields."""
    columns = [f"{_expression(storage, str(i), packed)} AS {name}" for i, (name, storage) in enumerate(fields, start=1)]
    return (
        f"CREATE VIEW {kind} AS SELECT {', '.join([_POSITION.format(id='event'), _HOURS, *columns, _AT])} "
        f"{_TABLES} WHERE kinds.kind = '{kind}'"
    )


def _expression(storage: Storage, index: str, packed: bool) -> str:
    """Return the SQL of a field's value; `index` is the SQL or the number of its position in the event."""
    path = f"log.data, '$[' || layouts.place || '][{index}]'"
    return _EXPRESSIONS[storage].format(
        value=f"json_extract({path})", type=f"json_type({path})", content=_content_sql("c", packed)
    )


def _content_sql(table: str, packed: bool) -> str:
    return f"{UNPACK_FUNCTION}({table}.content)" if packed else f"{table}.content"


def _events_view_sql(packed: bool) -> str:
    """Return the SQL of the view of all events, with their fields as a JSON object."""
    index = "' || (f.key + 1) || '"
    path = f"log.data, '$[' || layouts.place || '][{index}]'"
    value = f"json_extract({path})"
    by_storage = " ".join(
        f"WHEN '{storage}' THEN {_expression(storage, index, packed)}" for storage in _EXPRESSIONS if storage != "value"
    )
    by_type = (
        f"CASE json_type({path}) WHEN 'true' THEN json('true') WHEN 'false' THEN json('false') "
        f"WHEN 'array' THEN json({value}) WHEN 'object' THEN json({value}) ELSE {value} END"
    )
    data = (
        f"(SELECT json_group_object(json_extract(f.value, '$[0]'), CASE json_extract(f.value, '$[1]') {by_storage} "
        f"ELSE {by_type} END) FROM json_each(kinds.fields) AS f) AS data"
    )
    return (
        f"CREATE VIEW events AS SELECT {_POSITION.format(id='id')}, {_HOURS}, kinds.kind, {data}, {_AT} "
        "FROM log CROSS JOIN layouts ON layouts.layout = log.layout CROSS JOIN kinds ON kinds.id = layouts.kind "
        "CROSS JOIN names ON names.id = log.stream"
    )


@cache
def view_definitions(*, packed: bool) -> dict[str, str]:
    """Return the SQL of each view by name: all events, messages, texts, and one view for each kind of event."""
    content = _content_sql("contents", packed)
    return {
        "events": _events_view_sql(packed),
        "messages": (
            "CREATE VIEW messages AS SELECT lower(hex(hash)) AS hash, "
            f"CASE speaker WHEN 0 THEN 'user' ELSE 'assistant' END AS speaker, {content} AS content "
            "FROM contents WHERE speaker IS NOT NULL"
        ),
        "texts": (
            f"CREATE VIEW texts AS SELECT lower(hex(hash)) AS hash, {content} AS text "
            "FROM contents WHERE speaker IS NULL"
        ),
        **{
            kind: event_view_sql(kind, iter(stored_fields(event).items()), packed=packed)
            for kind, event in EVENT_CLASS_BY_KIND.items()
        },
    }


def is_event_view(name: str, sql: str) -> bool:
    """Return whether SQL defines a view of events in the form of `event_view_sql`.

    Earlier versions of aarlab had other fields. They are accepted, because no view of this form does harm.
    """
    return any((match := pattern.fullmatch(sql)) is not None and match[1] == name for pattern in _view_patterns())


@cache
def _view_patterns() -> tuple[re.Pattern[str], ...]:
    """Return the patterns of a view of events, in a plain and in a packed file."""
    patterns = []
    for packed in (False, True):
        sql = re.escape(event_view_sql("KIND", iter([("FIELD", "value")]), packed=packed))
        column = re.escape(f"{_expression('value', 'INDEX', packed)} AS FIELD, ")
        columns = "|".join(
            re.escape(_expression(storage, "INDEX", packed)).replace("INDEX", r"\d+") for storage in _EXPRESSIONS
        )
        sql = sql.replace(column.replace("INDEX", "1"), rf"(?:(?:{columns}) AS \w+, )*")
        patterns.append(re.compile(sql.replace("KIND", r"(\w+)", 1).replace("KIND", r"\1")))
    return tuple(patterns)
