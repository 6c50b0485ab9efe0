"""Tests of `aarlab data prepare`: checks of the lines and pools, and what is written."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from aarlab.scenarios.prepared_data import LABELS, PreparedData, UnusableData

Aarlab = Callable[..., Result]
FILES = {"train_label": 30, "train_unlabel": 60, "test": 90}


def comparison(text: str, label: Any = "A", **other: Any) -> dict[str, Any]:
    return {"prompt": f"Prompt {text}", "first": f"First {text}", "second": f"Second {text}", "label": label, **other}


def question(text: str, label: Any = True, **other: Any) -> dict[str, Any]:
    return {"question": f"Question {text}", "choice": f"Choice {text}", "label": label, **other}


def write(path: Path, lines: list[Any]) -> None:
    path.write_bytes(
        b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with valid files; every third item comes from the source `web`."""
    (tmp_path / "mine").mkdir()
    for name, count in FILES.items():
        lines = [comparison(f"{name} {i}", "AB"[i % 2], source=["book", "web"][i % 3 == 0]) for i in range(count)]
        write(tmp_path / "mine" / f"{name}.jsonl", lines)
    return tmp_path / "mine"


def faults(done: Result, folder: Path) -> list[dict[str, Any]]:
    """Return the faults of a refused preparation, which has written nothing."""
    assert done.exit_code == 2, done.output
    assert not (folder.parent / "prepared").exists()
    listed: list[dict[str, Any]] = json.loads(done.stdout)["faults"]
    return listed


def test_prepared_pools_have_labels_on_one_side_only(aarlab: Aarlab, folder: Path) -> None:
    done = aarlab("data", "prepare", str(folder), "--ood", "source=web")
    assert done.exit_code == 0, done.output
    prepared = folder.parent / "prepared"
    data = PreparedData.load(prepared)
    assert {pool: len(positions) for pool, positions in data.pools.items()} == {
        "teacher": 20, "student": 40, "test": 60, "ood": 60,
    }  # fmt: skip
    assert data.labels is not None
    first_test = data.pools["test"][0]
    assert (data.texts[first_test], data.labels[first_test]) == (
        "Prompt test 1\n\nA: First test 1\n\nB: Second test 1", 0,
    )  # fmt: skip
    research = (prepared / "research" / "items.jsonl").read_text()
    assert "label" not in research.replace("train_label", "").replace("train_unlabel", "")
    assert [os.stat(prepared / name).st_mode & 0o777 for name in (LABELS, "evaluator")] == [0o600, 0o700]
    (prepared / LABELS).unlink()
    view = PreparedData.load_research(prepared)
    assert (view.labels, view.texts, view.content_sha256) == (None, data.texts, data.content_sha256)
    assert "source=web" in done.stdout
    assert "standard error" in done.stdout


def test_same_data_has_the_same_content_hash(aarlab: Aarlab, folder: Path) -> None:
    hashes = []
    for out in ("one", "two"):
        hashes.append(
            json.loads(aarlab("data", "prepare", str(folder), "--out", out, "--json").stdout)["content_sha256"]
        )
        assert PreparedData.load(out).content_sha256 == hashes[-1]
    assert hashes[0] == hashes[1]
    assert faults(aarlab("data", "prepare", str(folder), "--out", "one", "--json"), folder)[0]["problem"] == "it exists"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("prepared.json", "comparison", "yes_no"), ("research/items.jsonl", "0", "1"), (LABELS, "0", "1")],
)
def test_changed_or_missing_prepared_file_is_refused(
    aarlab: Aarlab, folder: Path, name: str, old: str, new: str
) -> None:
    aarlab("data", "prepare", str(folder))
    path = folder.parent / "prepared" / name
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(UnusableData, match=rf"{name} was changed.* aarlab data prepare"):
        PreparedData.load("prepared")
    path.unlink()
    with pytest.raises(UnusableData, match=name):
        PreparedData.load("prepared")


@pytest.mark.parametrize(
    ("line", "field", "problem", "fix"),
    [
        (b'{"prompt": "x", ', None, "not JSON", None),
        (b'{"prompt": "caf\xe9"}', None, "byte 16 of the line is not UTF-8", "UTF-8"),
        (b'["A"]', None, "a list", "one JSON object"),
        (b"[" * 100_000, None, "not JSON", None),
        (b'{"prompt": "x", "first": "\\ud800", "second": "y", "label": "A"}', "first", "surrogate", None),
        (comparison("x", "a"), "label", 'the label is "a"', 'write "A"'),
        (comparison("x", 1), "label", "the label is 1", None),
        (comparison("x", ["A"]), "label", 'the label is ["A"]', None),
        (comparison("x", True), "label", "the label is true", None),
        ({"prompt": "x", "first": "y", "second": "z"}, "label", "missing", None),
        ({"prompt": "x", "firts": "y", "second": "z", "label": "A"}, "first", "missing", "'firts'"),
        ({**comparison("x"), "second": "  "}, "second", "empty", None),
        ({**comparison("x"), "second": None}, "second", "null", None),
        ({**comparison("x"), "second": "First x"}, None, "first and second are equal", "remove"),
        (question("x"), None, "fields of question/choice", "one format"),
    ],
)
def test_malformed_line_is_refused_with_its_place(
    aarlab: Aarlab, folder: Path, line: Any, field: str | None, problem: str, fix: str | None
) -> None:
    with (folder / "test.jsonl").open("ab") as file:
        file.write(b"\n" + (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
    (fault,) = faults(aarlab("data", "prepare", str(folder), "--json"), folder)
    assert fault["where"].endswith("mine/test.jsonl:92")
    assert fault["field"] == field
    assert problem in fault["problem"]
    assert fix is None or fix in fault["fix"]


def test_labels_spelled_otherwise_are_refused_with_the_spelling(aarlab: Aarlab, folder: Path) -> None:
    for name, count in FILES.items():
        write(folder / f"{name}.jsonl", [question(f"{name} {i}", ["yes", 0][i % 2]) for i in range(count)])
    listed = faults(aarlab("data", "prepare", str(folder), "--json"), folder)
    assert [fault["fix"] for fault in listed[:2]] == ["write true", "write false"]
    assert "160 more errors" in listed[20]["problem"]


def test_missing_file_is_named_with_its_purpose(aarlab: Aarlab, folder: Path) -> None:
    (folder / "train_unlabel.jsonl").rename(folder / "train.jsonl")
    (fault,) = faults(aarlab("data", "prepare", str(folder), "--json"), folder)
    assert "train_unlabel.jsonl is missing; the folder has: test.jsonl, train.jsonl" in fault["problem"]
    assert "student" in fault["fix"]


@pytest.mark.parametrize(
    ("name", "lines", "problem"),
    [
        ("train_label", [comparison("few", "AB"[i % 2], n=i) for i in range(3)], "number of items is 1"),
        ("test", [comparison(f"one class {i}") for i in range(60)], "all items have the same label"),
    ],
)
def test_pool_that_cannot_be_used_is_refused(
    aarlab: Aarlab, folder: Path, name: str, lines: list[Any], problem: str
) -> None:
    write(folder / f"{name}.jsonl", lines if name == "test" else [comparison("few")] * 3)
    (fault,) = faults(aarlab("data", "prepare", str(folder), "--json"), folder)
    assert name in fault["where"]
    assert problem in fault["problem"]


def test_leaks_and_contradictions_are_refused_or_removed(aarlab: Aarlab, folder: Path) -> None:
    turned = {**comparison("test 0"), "first": "SECOND  test 0", "second": "First test 0", "label": "B"}
    with (folder / "train_unlabel.jsonl").open("a") as file:
        file.write(json.dumps(turned) + "\n" + json.dumps(comparison("train_unlabel 1", "A")) + "\n")
        file.write(json.dumps(comparison("train_unlabel 2", "A")) + "\n")
    listed = faults(aarlab("data", "prepare", str(folder), "--json"), folder)
    assert [fault["problem"].split(": 1 (")[0] for fault in listed] == [
        "items in more than one pool", "items with both labels",
    ]  # fmt: skip
    assert "test.jsonl:1" in listed[0]["problem"]
    assert "train_unlabel.jsonl:61" in listed[0]["problem"]
    done = json.loads(aarlab("data", "prepare", str(folder), "--drop-duplicates", "--json").stdout)
    assert done["counts"] == {"teacher": 30, "student": 59, "test": 90, "ood": 0}
    assert done["dropped"] == {"teacher": 0, "student": 4, "test": 0, "ood": 0}
    assert "Repeated items of one pool that were left out: 1." in done["notes"]


@pytest.mark.parametrize(
    ("split", "problem", "fix"),
    [
        ("source", "no field and value", "None"),
        ("sorce=web", "no line has the field 'sorce'", "did you mean source?"),
        ("source=wep", "no line has source = wep", "did you mean web?"),
    ],
)
def test_split_that_no_line_has_is_refused(aarlab: Aarlab, folder: Path, split: str, problem: str, fix: str) -> None:
    (fault,) = faults(aarlab("data", "prepare", str(folder), "--ood", split, "--json"), folder)
    assert (fault["problem"], str(fault["fix"])) == (problem, fix)


def test_questions_shared_between_pools_are_noted(aarlab: Aarlab, folder: Path) -> None:
    for name, count in FILES.items():
        lines = [{**question(f"{name} {i}", i % 2 == 0), "question": f"Question {i % 10}"} for i in range(count)]
        write(folder / f"{name}.jsonl", lines)
    done = json.loads(aarlab("data", "prepare", str(folder), "--json").stdout)
    assert "10 of 10 different questions in test are also in the training files, with other choices." in done["notes"]


def test_hub_needs_its_extra(aarlab: Aarlab, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    (fault,) = faults(aarlab("data", "prepare", "--from-hub", "some/data", "--json"), folder)
    assert fault["fix"] == "pip install 'aarlab[hf]'"
