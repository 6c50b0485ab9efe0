"""The data of a run that the server sends."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from example_runs import BETTER_CODE, CODE, write_run
from starlette.testclient import TestClient

from aarlab.memory.events import TEAM, Finding, Published
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter
from aarlab.view.conversation_pages import PAGE, conversation_page
from aarlab.view.lineage_layout import lineage_layout
from aarlab.view.run_data import run_data
from aarlab.view.run_measures import run_measures
from aarlab.view.server import Access, viewer_app
from aarlab.view.text_search import search
from aarlab.view.viewed_folder import ViewedFolder


@pytest.fixture
def client(example_folder: Path) -> TestClient:
    """Return a client that has the token."""
    access = Access.create(1)
    client = TestClient(viewer_app(ViewedFolder(example_folder), access), base_url="http://127.0.0.1:1")
    client.get("/", params={"token": access.token})
    return client


def test_rows_after_an_event_complete_those_before(example_folder: Path) -> None:
    with RunReader.open(example_folder / "good-run.db") as file:
        everything = run_data(file)
        middle = next(entry.id for entry in file.entries(Finding) if entry.event.id == "r1.f1")
        later = run_data(file, after=middle)
    assert later["findings"] == everything["findings"][2:]
    assert later["last"] == everything["last"]
    assert [row["id"] for row in everything["findings"]] == ["lab.f1", "r1.f1", "r2.f1"]


def test_layout_keeps_positions_while_a_run_grows() -> None:
    findings = [("a", 1), ("b", 1), ("c", 2), ("d", 2), ("e", 3)]
    edges = [("c", "b"), ("d", "a"), ("e", "c")]
    before, after = lineage_layout(findings[:4], edges[:2]), lineage_layout(findings, edges)
    assert {name: after[name] for name in before} == before
    assert [name for name in ("d", "c") if after[name][1] == 0] == ["d"], "it builds on the first"


def test_measures_of_an_open_run_are_computed(example_folder: Path) -> None:
    with RunReader.open(example_folder / "open-run.db") as file:
        measures = run_measures(file)
    assert measures["spending"]["model_calls"] == 2
    assert measures["spending"]["cost_usd"] == pytest.approx(0.02)
    assert measures["autonomy"]


def test_conversation_is_sent_in_pages(tmp_path: Path) -> None:
    path = write_run(tmp_path / "long.db", closed=False)
    with RunWriter.create(tmp_path / "paged.db", run_id="paged", version="0", seed=1, scenario={}) as file:
        for _ in range(PAGE + 5):
            file.append(TEAM, Published("r1.f1"), round=1, hours=1.0)
        first = conversation_page(file, TEAM, 0)
        last = conversation_page(file, TEAM, first["next"])
    assert (first["next"], last["next"]) == (PAGE, None)
    with RunReader.open(path) as run:
        turns = conversation_page(run, "r1", 0)["turns"]
    assert [turn["kind"] for turn in turns][:3] == ["setup", "prompt", "reply"]
    assert turns[2]["calls"][0]["name"] == "run_experiment"


def test_method_is_sent_with_those_it_builds_on(client: TestClient) -> None:
    data = client.get("/api/finding", params={"file": "good-run.db", "id": "r2.f1"}).json()
    assert data["code"] == BETTER_CODE
    assert data["parents"] == {"r1.f1": CODE}


def test_equal_conversations_do_not_part(client: TestClient) -> None:
    query = {"file": "good-run.db", "agent": "r1", "other": "open-run.db", "other_agent": "r1"}
    assert client.get("/api/difference", params=query).json() == {"step": None}
    assert client.get("/api/difference", params={**query, "other_agent": "r2"}).json()["step"] is not None


def test_search_finds_messages_of_all_runs(example_folder: Path) -> None:
    folder = ViewedFolder(example_folder)
    matches: list[Any] = []
    part: dict[str, Any] = {"next": ""}
    while part["next"] is not None:  # on a busy machine a part has few runs
        part = search(folder, "SMOOTH the weights", "", part["next"], len(matches))
        matches += part["matches"]
    assert {match["file"] for match in matches} >= {"good-run.db", "open-run.db"}
    assert {match["agent"] for match in matches} == {"r2"}
    assert search(folder, "smooth", "good-run.db")["runs"] == 1
    assert search(folder, "x")["matches"] == []


def test_problems_are_sentences(client: TestClient, example_folder: Path, tmp_path: Path) -> None:
    for name, part in (("../x.db", "outside"), ("none.db", "There is no none.db"), ("deep", "not a file")):
        answer = client.get("/api/run", params={"file": name})
        assert answer.status_code == 404
        assert part in answer.json()["problem"]
    assert client.get("/api/run").status_code == 422
    assert client.get("/api/finding", params={"file": "good-run.db", "id": "no"}).json()["problem"].endswith(".")


def test_run_that_is_being_written_can_be_read(tmp_path: Path) -> None:
    path = write_run(tmp_path / "live.db", closed=False)
    with sqlite3.connect(path, isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with RunReader.open(path) as file:
            assert run_data(file)["status"] == "running"
        writer.execute("ROLLBACK")
    writer.close()
