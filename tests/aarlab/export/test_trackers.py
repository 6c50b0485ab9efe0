"""Runs are logged to experiment trackers, without a network."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from aarlab.export.tracked_run import TrackedRun
from aarlab.memory.run_reader import RunReader

Aarlab = Callable[..., Result]


@pytest.fixture
def run(summary: dict[str, Any], tmp_path: Path) -> Path:
    """A finished run, as `run.db` in the current folder."""
    return Path(shutil.copy(summary["file"], tmp_path / "run.db"))


def test_a_tracked_run_has_what_its_summary_has(summary: dict[str, Any], run: Path) -> None:
    with RunReader.open(run) as file:
        tracked = TrackedRun.read(file)
    assert tracked.metrics["heldout.pgr"] == summary["heldout"]["pgr"]
    assert tracked.parameters["team.researchers"] == 2
    assert max(value for _, value in tracked.curves["best_development_pgr"]) > 0
    assert len(tracked.tables["experiments"].rows) == summary["experiments"]
    assert len(tracked.tables["findings"].csv().splitlines()) > summary["findings"]


def test_options_of_trackers_and_formats_do_not_mix(aarlab: Aarlab, run: Path) -> None:
    wrong = ("", "--to mlflow --format csv", "--to mlflow --out x", "--format csv --project x")
    for arguments in wrong:
        assert aarlab("export", str(run), *arguments.split()).exit_code == 2, arguments
    assert [path.name for path in run.parent.iterdir()] == ["run.db"]


# Warnings of MLflow and of its dependencies about each other.
@pytest.mark.filterwarnings("ignore")
def test_mlflow_has_the_run_once(
    aarlab: Aarlab, summary: dict[str, Any], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        done = aarlab("export", str(run), "--to", "mlflow", "--project", "teams", "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["runs"] == 1
    client = mlflow.MlflowClient()
    (logged,) = client.search_runs([client.get_experiment_by_name("teams").experiment_id])
    assert logged.data.metrics["heldout.pgr"] == summary["heldout"]["pgr"]
    assert logged.data.params["team.researchers"] == "2"
    assert {file.path for file in client.list_artifacts(logged.info.run_id)} == {"findings.csv", "experiments.csv"}


@pytest.mark.filterwarnings("ignore")
def test_wandb_writes_an_offline_run(
    aarlab: Aarlab, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    done = aarlab("export", str(run), "--to", "wandb")
    assert done.exit_code == 0, done.output
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    assert list(folder.glob("run-*.wandb"))
    assert {path.name.split("_")[0] for path in folder.rglob("*.table.json")} == {"findings", "experiments"}


@pytest.mark.parametrize("tracker", ["mlflow", "wandb"])
def test_a_missing_tracker_is_named_with_its_extra(
    aarlab: Aarlab, run: Path, tracker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, tracker, None)
    monkeypatch.delitem(sys.modules, f"aarlab.export.{tracker}_tracker", raising=False)
    done = aarlab("export", str(run), "--to", tracker)
    assert (done.exit_code, f"pip install 'aarlab[{tracker}]'" in done.output) == (2, True)
