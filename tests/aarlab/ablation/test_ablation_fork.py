"""Arms that fork from one run, and interrupted runs of an ablation that are resumed."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from altered_run import alter
from click.testing import Result

from aarlab import open_ablation
from aarlab.memory.run_reader import RunReader

Aarlab = Callable[..., Result]

FILE = """
name: counterfactual
fork_from: {run: parent.db, at: 2}
arms:
  unchanged: {}
  staged: {structure.workflow: staged}
seeds: [7, 8]
controls: false
"""


@pytest.fixture(scope="session")
def folder(summary: dict[str, Any], made_once: Callable[..., Path]) -> Path:
    """A finished ablation with arms that fork from a run."""
    from aarlab import ablate

    def make(root: Path) -> None:
        shutil.copy(summary["file"], root / "parent.db")
        (root / "counterfactual.yaml").write_text(FILE)
        ablate(root / "counterfactual.yaml", out=root / "out", jobs=1, progress=False)

    return made_once("counterfactual", make)


def events_before_fork(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT stream, ordinal, data FROM events WHERE round < 2 ORDER BY stream, ordinal"
        return connection.execute(query).fetchall()


@pytest.mark.long
def test_arms_share_earlier_events_and_no_change_is_the_parent(folder: Path, summary: dict[str, Any]) -> None:
    records = {(record.arm, record.seed): record for record in open_ablation(folder / "out").records}
    assert {record.status for record in records.values()} == {"done"}
    shared_events = [events_before_fork(record.path) for record in records.values()]
    assert all(events == events_before_fork(folder / "parent.db") for events in shared_events)
    assert records["unchanged", 7].summary["digest"] == summary["digest"]
    digests = {record.summary["digest"] for record in records.values()}
    assert len(digests) == 4
    assert records["staged", 8].scenario["team"]["temperament"] == "varied@7"


@pytest.mark.long
def test_the_folder_can_be_moved(folder: Path, tmp_path: Path, aarlab: Aarlab) -> None:
    shutil.copytree(folder / "out", tmp_path / "moved")
    assert [record.status for record in open_ablation(tmp_path / "moved").records] == ["done"] * 4
    done = aarlab("report", "moved", "--format", "md", "--out", "report.md")
    assert done.exit_code == 0, done.output


@pytest.mark.long
def test_an_interrupted_run_is_resumed(folder: Path, tmp_path: Path, aarlab: Aarlab) -> None:
    root = tmp_path / "again"
    shutil.copytree(folder / "out", root)
    record = next(r for r in open_ablation(root).records if (r.arm, r.seed) == ("staged", 8))
    draft = root / "unfinished" / record.path.name
    shutil.move(record.path, draft)
    alter(
        draft,
        "DELETE FROM events WHERE id > (SELECT count(*) * 3 / 4 FROM events)",
        "UPDATE runs SET status = 'running', summary = NULL",
    )
    shutil.copy(folder / "parent.db", tmp_path)
    (tmp_path / "counterfactual.yaml").write_text(FILE)
    done = aarlab("ablate", "counterfactual.yaml", "--out", str(root), "--jobs", "1", "--json")
    assert done.exit_code == 0, done.output
    assert "staged, seed 8 resumes where it was interrupted." in done.stderr
    with RunReader.open(record.path) as file:
        assert file.digest() == record.summary["digest"]


@pytest.mark.parametrize(
    ("fork_from", "problem"),
    [
        ("fork_from: {run: nowhere.db, at: 2}", "no such run"),
        ("fork_from: {run: parent.db, at: 9}", "the run has begun rounds 1 to 3"),
        ("fork_from: {run: parent.db, at: 2, digest: abc}", "parent.db is not abc"),
        ("fork_from: {run: parent.db, at: 2}\nscenario: quickstart", "a fork cannot change"),
    ],
)
def test_an_impossible_fork_is_refused(
    aarlab: Aarlab, summary: dict[str, Any], tmp_path: Path, fork_from: str, problem: str
) -> None:
    shutil.copy(summary["file"], tmp_path / "parent.db")
    (tmp_path / "bad.yaml").write_text(FILE.replace("fork_from: {run: parent.db, at: 2}", fork_from))
    done = aarlab("ablate", "bad.yaml", "--json")
    assert done.exit_code == 2
    assert problem in json.dumps(json.loads(done.stdout))
    assert not (tmp_path / "ablations").exists()
