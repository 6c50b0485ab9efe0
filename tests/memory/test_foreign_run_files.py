"""Run files from somebody else: another schema is refused, and no query is endless."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from aarlab.memory import schema
from aarlab.memory.events import Decision
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter

ENDLESS = (
    "CREATE VIEW events AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id, 'r1' AS "
    "stream, i AS ordinal, 1 AS round, 0.0 AS hours, 'decisions' AS kind, '{}' AS data, '' AS at FROM n"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a run file."""
    path = tmp_path / "run.db"
    with RunWriter.create(path, run_id="run", version="0.1.0", seed=7, scenario={}) as file:
        file.append("r1", Decision("next_step", "run_experiment", "agent"), round=1, hours=0.5)
    return path


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("CREATE TRIGGER spy AFTER INSERT ON events BEGIN UPDATE runs SET seed = 1; END", "trigger 'spy'"),
        ("DROP VIEW decisions; CREATE VIEW decisions AS SELECT load_extension('/tmp/x.so')", "view 'decisions'"),
        ("CREATE VIEW other AS SELECT 1", "view 'other'"),
        ("CREATE TABLE other (x)", "table 'other'"),
        ("CREATE INDEX other ON events (round)", "index 'other'"),
        (f"DROP TABLE events; {ENDLESS}", "not a run file"),
        ("DROP TABLE texts", "no table 'texts'"),
        (
            "DROP TABLE texts; CREATE TABLE texts (hash TEXT PRIMARY KEY, text TEXT AS (upper(hash)))",
            "table 'texts'",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("open_file", [RunReader.open, ReplayingLog.replay, ReplayingLog.resume])
def test_another_schema_is_refused(
    path: Path, change: str, problem: str, open_file: Callable[[Path], RunReader]
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(change)
    before = path.read_bytes()
    with pytest.raises(SchemaError, match=problem):
        open_file(path)
    assert path.read_bytes() == before


def test_views_of_earlier_fields_are_accepted(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "DROP VIEW decisions; CREATE VIEW decisions AS SELECT id AS event, stream, ordinal, round, hours, "
            "json_extract(data, '$.choice') AS choice, at FROM events WHERE kind = 'decisions'"
        )
    with RunReader.open(path) as file:
        assert len(list(file.entries())) == 1


def test_an_endless_query_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_QUERY_STEPS", 2_000_000)
    with closing(schema.connect_read_only(path)) as connection:
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError, match="interrupted"):
                connection.execute(endless)
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)
        assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)
