"""Run files from somebody else: no schema, journal, link or folder of theirs does harm, and no query is endless."""

import multiprocessing
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from aarlab.ablation.ablation_folder import copy
from aarlab.memory import schema
from aarlab.memory.events import Decision
from aarlab.memory.file_lock import FileLock, FileLocked
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter
from aarlab.memory.schema_sql import event_view_sql

ENDLESS = (
    "CREATE VIEW events AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id, 'r1' AS "
    "stream, i AS ordinal, 1 AS round, 0.0 AS hours, 'decisions' AS kind, '{}' AS data, '' AS at FROM n"
)

EARLIER_VIEW = (
    "CREATE VIEW decisions AS SELECT log.id + layouts.place AS event, names.name AS stream, log.ordinal + "
    "layouts.place AS ordinal, log.round, json_extract(log.data, '$[' || layouts.place || '][0]') AS hours, "
    "json_extract(log.data, '$[' || layouts.place || '][2]') AS choice, (SELECT n.name FROM names AS n WHERE n.id = "
    "json_extract(log.data, '$[' || layouts.place || '][3]')) AS taken_by, strftime('%Y-%m-%dT%H:%M:%f+00:00', "
    "log.at / 1000.0, 'unixepoch') AS at FROM kinds CROSS JOIN layouts ON layouts.kind = kinds.id CROSS JOIN log ON "
    "log.layout = layouts.layout CROSS JOIN names ON names.id = log.stream WHERE kinds.kind = 'decisions'"
)
"""A view of files that have no view `event_values`."""


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
        ("CREATE TRIGGER spy AFTER INSERT ON log BEGIN UPDATE runs SET seed = 1; END", "trigger 'spy'"),
        ("DROP VIEW decisions; CREATE VIEW decisions AS SELECT load_extension('/tmp/x.so')", "view 'decisions'"),
        ("CREATE VIEW other AS SELECT 1", "view 'other'"),
        ("CREATE TABLE other (x)", "table 'other'"),
        ("CREATE INDEX other ON log (round)", "index 'other'"),
        ("DROP TABLE log; CREATE VIEW log AS SELECT 1", "not a run file"),
        (f"DROP VIEW events; {ENDLESS}", "view 'events'"),
        ("DROP TABLE names", "no table 'names'"),
        ("DROP TABLE names; CREATE TABLE names (id INTEGER PRIMARY KEY, name AS (upper(id)))", "table 'names'"),
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


@pytest.mark.parametrize(
    "view", [event_view_sql("decisions", [("choice", "text"), ("taken_by", "name")]), EARLIER_VIEW]
)
def test_views_of_earlier_versions_are_accepted(path: Path, view: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"DROP VIEW decisions; DROP VIEW event_values; {view}")
    with RunReader.open(path) as file:
        assert len(list(file.entries())) == 1
        if view == EARLIER_VIEW:
            assert file.query("SELECT choice, taken_by FROM decisions") == [
                {"choice": "run_experiment", "taken_by": "agent"}
            ]
    ReplayingLog.resume(path).close()
    with RunReader.open(path) as file:
        assert file.query("SELECT decision FROM decisions") == [{"decision": "next_step"}]


def test_an_endless_query_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_QUERY_STEPS", 2_000_000)
    with closing(schema.connect_read_only(path)) as connection:
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError, match="interrupted"):
                connection.execute(endless)
            assert connection.execute("SELECT count(*) FROM log").fetchone() == (1,)
        assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)


KILLED = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(f"PRAGMA journal_mode = {sys.argv[2]}")
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
for number in range(200):
    connection.execute("INSERT INTO names VALUES (?, ?)", (number + 1000, "x" * 3000))
if sys.argv[2] == "wal":
    connection.execute("COMMIT")
os.kill(os.getpid(), signal.SIGKILL)
"""
"""Leaves a journal, or a write-ahead log, beside a run file."""


@pytest.mark.parametrize("use", [RunReader.open, ReplayingLog.resume, lambda path: copy(path, path.with_name("copy"))])
def test_a_journal_deletes_no_other_file(path: Path, use: Callable[[Path], object]) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    subprocess.run([sys.executable, "-c", KILLED, path, "delete"], check=False)
    precious = path.with_name("precious.txt")
    precious.write_text("precious")
    name = os.fsencode(precious)
    # SQLite's record of a transaction over several files: page, name, its length and checksum, magic number.
    record = [(0x40000001).to_bytes(4, "big"), name, len(name).to_bytes(4, "big"), sum(name).to_bytes(4, "big")]
    with path.with_name("run.db-journal").open("ab") as journal:
        journal.write(b"".join([*record, bytes.fromhex("d9d505f920a163d7")]))
    with pytest.raises(SchemaError, match="names another file"):
        use(path)
    assert precious.read_text() == "precious"


def test_a_lock_that_is_a_link_empties_no_file(path: Path) -> None:
    precious = path.with_name("precious.txt")
    precious.write_text("precious")
    path.with_name("run.db.lock").symlink_to(precious)
    with pytest.raises(FileLocked, match="is a link"):
        FileLock.acquire(path)
    assert precious.read_text() == "precious"


@pytest.mark.usefixtures("open_tmp_path")
@pytest.mark.parametrize(("mode", "names"), [("delete", 0), ("wal", 200)])
def test_an_interrupted_run_in_a_read_only_folder_is_read(path: Path, mode: str, names: int) -> None:
    subprocess.run([sys.executable, "-c", KILLED, path, mode], check=False)
    path.with_name("run.db-shm").unlink(missing_ok=True)
    files = sorted(path.parent.iterdir())
    path.parent.chmod(0o555)
    with multiprocessing.get_context("fork").Pool(1, _as_ordinary_user) as pool:
        assert pool.apply(_counted, (path,)) == (1, names)
    path.parent.chmod(0o755)
    assert sorted(path.parent.iterdir()) == files


def _as_ordinary_user() -> None:
    if os.getuid() == 0:
        os.setuid(12345)


def _counted(path: Path) -> tuple[int, ...]:
    with RunReader.open(path) as file:
        tables = ("log", "names WHERE id >= 1000")
        return tuple(file._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)
