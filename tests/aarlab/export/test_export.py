"""Exported runs can be read by other tools, and JSON Lines can be imported again."""

import csv
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from altered_run import alter
from click.testing import Result

from aarlab.export.jsonl_records import EVENT_VERSION, with_chain_hashes
from aarlab.memory.board import Board
from aarlab.memory.events import EVENT_CLASS_BY_KIND
from aarlab.memory.lineage import lineage
from aarlab.memory.run_reader import RunReader

Aarlab = Callable[..., Result]


@pytest.fixture
def run(summary: dict[str, Any], tmp_path: Path) -> Path:
    """A finished run, as `run.db` in the current folder."""
    path = tmp_path / "run.db"
    shutil.copy(summary["file"], path)
    return path


def exported(aarlab: Aarlab, *arguments: str) -> Path:
    """Export `run.db` and return the path of the export."""
    done = aarlab("export", "run.db", "--json", *arguments)
    assert done.exit_code == 0, done.output
    return Path(json.loads(done.stdout)["file"])


def content(path: Path) -> list[str]:
    """Return everything that a run file has, one line for each row."""
    with RunReader.open(path) as file:
        return [*map(str, file.run_rows()), *sorted(map(str, file.contents())), *map(str, file.entries())]


def write_with_new_chain_hashes(records: list[dict[str, Any]], path: Path) -> None:
    """Write changed records with valid chain hashes, as an attacker could."""
    path.write_text(
        "".join(with_chain_hashes([{k: v for k, v in record.items() if k != "chain_hash"} for record in records]))
    )


def records_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_imported_run_has_the_same_rows_as_the_exported_one(
    aarlab: Aarlab, run: Path, summary: dict[str, Any]
) -> None:
    lines = exported(aarlab, "--format", "jsonl")
    assert lines == run.with_suffix(".jsonl")
    done = aarlab("import", "run.jsonl", "--out", "back")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1].split() == ["digest", summary["digest"]]
    (back,) = Path("back").iterdir()
    assert back.name == f"{summary['run_id']}.db"
    assert content(back) == content(run)
    assert json.loads(aarlab("replay", str(back), "--json").stdout)["status"] == "same"


def test_jsonl_can_be_written_to_stdout(aarlab: Aarlab, run: Path) -> None:
    lines = exported(aarlab, "--format", "jsonl")
    assert aarlab("export", "run.db", "--format", "jsonl", "--out", "-").stdout == lines.read_text()
    refused = aarlab("export", "run.db", "--format", "csv", "--out", "-")
    assert (refused.exit_code, Path("run-csv").exists()) == (2, False)
    assert "the format csv cannot go to stdout" in refused.output


def test_contents_are_written_once_and_events_by_stream(aarlab: Aarlab, run: Path) -> None:
    header, *inside, end = records_of(exported(aarlab, "--format", "jsonl"))
    assert (header["record"], header["schema"], header["redacted"]) == ("header", EVENT_VERSION, None)
    hashes = [record["hash"] for record in inside if record["record"] in ("message", "text")]
    assert len(hashes) == len(set(hashes)) == end["messages"] + end["texts"]
    places = [(record["stream"], record["ordinal"]) for record in inside if record["record"] == "event"]
    assert places == sorted(places)
    assert len(places) == end["events"]


@pytest.mark.parametrize("keep", [0, 1, 2, 50, -1])
def test_a_truncated_file_is_refused(aarlab: Aarlab, run: Path, keep: int) -> None:
    lines = exported(aarlab, "--format", "jsonl")
    kept_lines = lines.read_text().splitlines(keepends=True)[:keep]
    lines.write_text("".join(kept_lines))
    done = aarlab("import", "run.jsonl", "--out", "back")
    assert done.exit_code == 2
    assert f"run.jsonl:{max(len(kept_lines), 1)}\n" in done.output
    assert not list(Path("back").glob("*"))


def test_a_truncated_line_is_named(aarlab: Aarlab, run: Path) -> None:
    lines = exported(aarlab, "--format", "jsonl")
    text = lines.read_text()
    lines.write_text(text[: text.index("\n", 30_000) - 9])
    done = aarlab("import", "run.jsonl")
    assert done.exit_code == 2
    assert f"run.jsonl:{len(lines.read_text().splitlines())}\n  problem   a line that is truncated" in done.output


@pytest.mark.parametrize("change", ["altered", "missing", "twice", "swapped"])
def test_the_first_changed_line_is_named(aarlab: Aarlab, run: Path, change: str) -> None:
    path = exported(aarlab, "--format", "jsonl")
    lines = path.read_text().splitlines(keepends=True)
    match change:
        case "altered":
            lines[60] = lines[60].replace('"', '" ', 1).replace('" ', '"', 1).replace("e", "a", 1)
        case "missing":
            del lines[60]
        case "twice":
            lines.insert(60, lines[59])
        case _:
            lines[60], lines[61] = lines[61], lines[60]
    path.write_text("".join(lines))
    done = aarlab("import", "run.jsonl", "--out", "back")
    assert (done.exit_code, list(Path("back").glob("*"))) == (2, [])
    assert "run.jsonl:61\n" in done.output


def test_changes_with_valid_chain_hashes_fail_other_checks(aarlab: Aarlab, run: Path) -> None:
    path = exported(aarlab, "--format", "jsonl")
    records = records_of(path)
    kinds = [record["record"] for record in records]

    def refusal(line: int, **fields: object) -> str:
        write_with_new_chain_hashes(
            [{**record, **fields} if at == line else record for at, record in enumerate(records)], path
        )
        done = aarlab("import", "run.jsonl", "--out", "back")
        assert (done.exit_code, list(Path("back").glob("*"))) == (2, [])
        return done.output

    message, text, event = (kinds.index(kind) for kind in ("message", "text", "event"))
    assert f"run.jsonl:{message + 1}\n  problem   a message that does not have the hash" in refusal(message, content=[])
    assert f"run.jsonl:{text + 1}\n  problem   a text that does not have the hash" in refusal(text, text="another")
    assert "run.jsonl:1\n  problem   the digest" in refusal(event, hours=0.125)
    assert "an event of kind 'dreams'" in refusal(event, kind="dreams")
    assert "with wrong fields" in refusal(event, data={"mood": "good"})
    assert "counts of" in refusal(len(records) - 1, events=3)
    assert "the run id '../run'" in refusal(0, run={**records[0]["run"], "run_id": "../run"})
    assert "`mood`, which the table `runs` does not have" in refusal(0, run={**records[0]["run"], "mood": "good"})


@pytest.mark.parametrize(("field", "actual"), [("schema", EVENT_VERSION + 1), ("version", 3)])
def test_a_file_of_another_version_is_refused(aarlab: Aarlab, run: Path, field: str, actual: int) -> None:
    path = exported(aarlab, "--format", "jsonl")
    header, *rest = records_of(path)
    write_with_new_chain_hashes([{**header, field: actual}, *rest], path)
    done = aarlab("import", "run.jsonl")
    assert done.exit_code == 2
    assert f"{field} {actual}, from another version of aarlab" in done.output


def test_nothing_is_overwritten_and_no_temporary_file_is_left(aarlab: Aarlab, run: Path) -> None:
    for name in ("jsonl", "graphml", "csv"):
        before = exported(aarlab, "--format", name)
        repeated = aarlab("export", "run.db", "--format", name)
        assert repeated.exit_code == 2
        assert "already exists" in repeated.output
        assert before.exists()
    assert aarlab("import", "run.jsonl").exit_code == 0
    assert "already exists" in aarlab("import", "run.jsonl").output
    assert not [path for path in Path().rglob("*") if "partial" in path.name]


def test_a_damaged_run_file_is_refused(aarlab: Aarlab, run: Path) -> None:
    alter(run, "UPDATE texts SET text = text || ' ' WHERE hash = (SELECT min(hash) FROM texts)")
    done = aarlab("export", "run.db", "--format", "jsonl")
    assert (done.exit_code, Path("run.jsonl").exists()) == (2, False)
    assert "a text that does not have this hash" in done.output
    with closing(sqlite3.connect(run)) as connection, connection:
        connection.execute("DROP TABLE contents")
    for name in ("jsonl", "csv"):
        done = aarlab("export", "run.db", "--format", name)
        assert (done.exit_code, Path("run.jsonl").exists(), Path("run-csv").exists()) == (2, False, False)
        assert "it has no table 'contents'" in done.output


@pytest.mark.parametrize(("format_", "read"), [("graphml", nx.read_graphml), ("gexf", nx.read_gexf)])
def test_networkx_reads_the_lineage_with_typed_attributes(
    aarlab: Aarlab, run: Path, format_: str, read: Callable[[Path], "nx.MultiDiGraph[str]"]
) -> None:
    graph = read(exported(aarlab, "--format", format_))
    with RunReader.open(run) as file:
        ideas, winner = lineage(Board(file)), file.info().summary["best"]["finding"]
    assert set(graph.nodes) == set(ideas.nodes)
    edges = [(a, b, relation) for a, b, relation in graph.edges(data="relation")]
    assert sorted(edges) == sorted(ideas.edges(keys=True))
    for node, attributes in ideas.nodes(data=True):
        actual = graph.nodes[node]
        assert {name: actual[name] for name, value in attributes.items() if value is not None} == {
            name: value for name, value in attributes.items() if value is not None
        }
        assert None not in actual.values()
        if "author" in attributes:
            assert (type(actual["round"]), type(actual["winner"])) == (int, bool)
            assert actual["winner"] == (node == winner)


def test_tables_have_the_columns_and_rows_of_the_views(aarlab: Aarlab, run: Path) -> None:
    folder = exported(aarlab, "--format", "csv")
    assert {path.stem for path in folder.iterdir()} == {
        "run",
        "messages",
        *(kind.kind for kind in EVENT_CLASS_BY_KIND.values()),
    }
    with closing(sqlite3.connect(run)) as connection:
        for kind in EVENT_CLASS_BY_KIND.values():
            cursor = connection.execute(f"SELECT * FROM {kind.kind} ORDER BY event")
            names = [column[0] for column in cursor.description]
            rows = [["" if cell is None else str(cell) for cell in row] for row in cursor]
            with (folder / f"{kind.kind}.csv").open(newline="") as table:
                head, *actual = csv.reader(table)
            assert head == names
            # A field that the event data lack is empty in the view and has its default in the table.
            assert [[y or x for x, y in zip(a, b, strict=True)] for a, b in zip(actual, rows, strict=True)] == actual


def test_redacted_text_is_in_no_format(aarlab: Aarlab, run: Path) -> None:
    assert "teacher" in exported(aarlab, "--format", "jsonl", "--out", "plain.jsonl").read_text()
    done = aarlab("export", "run.db", "--format", "jsonl", "--redact", "[tT]eacher", "--redact", "z*")
    assert done.exit_code == 0, done.output
    replaced = int(done.stdout.splitlines()[-1].split()[0])
    header, *rest = records_of(Path("run.jsonl"))
    assert header["redacted"] == {"replaced": replaced}
    assert replaced > 10
    assert "teacher" not in json.dumps(rest)
    assert aarlab("import", "run.jsonl", "--out", "back").exit_code == 0
    (back,) = Path("back").iterdir()
    assert "teacher" not in "\n".join(content(back))
    with RunReader.open(back) as file, RunReader.open(run) as before:
        assert file.info().summary["digest"] == file.digest() == header["digest"] != before.digest()
        assert len(list(file.entries())) == len(list(before.entries()))
    assert aarlab("show", str(back), "--agent", "r1").exit_code == 0
    folder = exported(aarlab, "--format", "csv", "--redact", "teacher")
    assert all("teacher" not in path.read_text() for path in folder.iterdir())


@pytest.mark.parametrize("pattern", ["r1", "[0-9]", "write_file"])
def test_names_that_records_refer_to_cannot_be_redacted(aarlab: Aarlab, run: Path, pattern: str) -> None:
    done = aarlab("export", "run.db", "--format", "jsonl", "--redact", pattern)
    assert (done.exit_code, Path("run.jsonl").exists()) == (2, False)
    assert f"--redact '{pattern}'\n  problem   a match in" in done.output


def test_an_invalid_pattern_is_refused(aarlab: Aarlab, run: Path) -> None:
    done = aarlab("export", "run.db", "--format", "csv", "--redact", "(")
    assert done.exit_code == 2
    assert "--redact '('" in done.output
