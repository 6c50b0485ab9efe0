"""The SQL of a run file: tables, and the views that show its contents in any SQLite browser."""

import re
from collections.abc import Iterable
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
_DATA = "json_extract(log.data, '$[' || layouts.place || ']') AS data"
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


def event_view_sql(kind: str, fields: Iterable[tuple[str, Storage]], *, packed: bool = False) -> str:
    """Return the SQL of the view that shows one kind of event with a column for each of its fields.

    SQLite parses all views whenever it opens a file, so they are short: most expressions are in `event_values`.
    """
    columns = "".join(f"{_column(storage, str(i), packed)} AS {name}, " for i, (name, storage) in enumerate(fields, 1))
    return (
        f"CREATE VIEW {kind} AS SELECT event, stream, ordinal, round, hours, {columns}at "
        f"FROM event_values WHERE kind = '{kind}'"
    )


def _column(storage: Storage, index: str, packed: bool) -> str:
    """Return the SQL of a field's value in terms of `event_values`.

    That view has no texts: other programs cannot decompress those of a packed file, and they show the other fields.
    """
    return f"{storage}_{index}" if storage != "text" else _expression(storage, f"data, '$[{index}]'", packed)


def _event_values_view_sql() -> str:
    """Return the SQL of the view of all events with a column for each position and storage of a field."""
    used = {
        (i, storage)
        for event in EVENT_CLASS_BY_KIND.values()
        for i, storage in enumerate(stored_fields(event).values(), start=1)
        if storage != "text"
    }
    columns = [f"{_expression(storage, _path(str(i)), False)} AS {storage}_{i}" for i, storage in sorted(used)]
    return (
        f"CREATE VIEW event_values AS SELECT {_POSITION.format(id='event')}, {_HOURS}, kinds.kind, {_DATA}, "
        f"{', '.join([*columns, _AT])} {_TABLES}"
    )


def _path(index: str) -> str:
    """Return the arguments of a JSON function for a field; `index` is the SQL or the number of its position."""
    return f"log.data, '$[' || layouts.place || '][{index}]'"


def _expression(storage: Storage, path: str, packed: bool) -> str:
    """Return the SQL of a field's value, given the arguments of a JSON function for it."""
    return _EXPRESSIONS[storage].format(
        value=f"json_extract({path})", type=f"json_type({path})", content=_content_sql("c", packed)
    )


def _content_sql(table: str, packed: bool) -> str:
    return f"{UNPACK_FUNCTION}({table}.content)" if packed else f"{table}.content"


def _events_view_sql(packed: bool) -> str:
    """Return the SQL of the view of all events, with their fields as a JSON object."""
    index = "' || (f.key + 1) || '"
    path = _path(index)
    value = f"json_extract({path})"
    by_storage = " ".join(
        f"WHEN '{storage}' THEN {_expression(storage, path, packed)}" for storage in _EXPRESSIONS if storage != "value"
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
    """Return the SQL of each view by name: all events in two forms, messages, texts, and one for each kind."""
    content = _content_sql("contents", packed)
    return {
        "events": _events_view_sql(packed),
        "event_values": _event_values_view_sql(),
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
            kind: event_view_sql(kind, stored_fields(event).items(), packed=packed)
            for kind, event in EVENT_CLASS_BY_KIND.items()
        },
    }


def is_event_view(name: str, sql: str) -> bool:
    """Return whether SQL defines a view of events in the form of `view_definitions`.

    Earlier versions of aarlab had other fields, and no view `event_values`. Their views are accepted, because no view
    of these forms does harm.
    """
    return any((match := pattern.fullmatch(sql)) is not None and match[1] == name for pattern in _view_patterns())


@cache
def _view_patterns() -> tuple[re.Pattern[str], ...]:
    """Return the patterns of the views of events, in a plain and in a packed file."""
    start = rf"CREATE VIEW (\w+) AS SELECT {re.escape(_POSITION.format(id='event'))}, {re.escape(_HOURS)}, "
    end, path = re.escape(f"{_AT} {_TABLES}"), _path("INDEX")
    values = _columns_pattern(_expression(storage, path, False) for storage in _EXPRESSIONS)
    patterns = [rf"{start}kinds\.kind, {re.escape(_DATA)}, {values}{end}"]
    for packed in (False, True):
        columns = _columns_pattern(_column(storage, "INDEX", packed) for storage in _EXPRESSIONS)
        fixed = "event, stream, ordinal, round, hours"
        patterns.append(rf"CREATE VIEW (\w+) AS SELECT {fixed}, {columns}at FROM event_values WHERE kind = '\1'")
        earlier = _columns_pattern(_expression(storage, path, packed) for storage in _EXPRESSIONS)
        patterns.append(rf"{start}{earlier}{end} WHERE kinds\.kind = '\1'")
    return tuple(map(re.compile, patterns))


def _columns_pattern(columns: Iterable[str]) -> str:
    """Return the pattern of the columns of fields, given the SQL of those of each storage at position INDEX."""
    alternatives = "|".join(re.escape(column).replace("INDEX", r"\d+") for column in columns)
    return rf"(?:(?:{alternatives}) AS \w+, )*"
