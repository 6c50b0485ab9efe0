"""The secret of the laboratory in ablations: workers get it, and no file of the folder has it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from small_ablations import FILE, arguments, digests

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.records import open_ablation
from aarlab.config.scenario_files import shipped_ablations

SECRET = "a-secret-of-one-laboratory"


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """An ablation whose scenario names no secret."""
    path = tmp_path / "pair.yaml"
    path.write_text(FILE.replace("scenario: quickstart", "scenario: {task: chat}").replace("  staged: {struct", "#"))
    return path


def test_the_shipped_ablations_keep_the_public_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AARLAB_SECRET", SECRET)
    plans = [load_ablation(name) for name in shipped_ablations()]
    assert {run.scenario.scoring.secret for plan in plans for run in (*plan.runs, *plan.sensitivity_runs)} == {""}


def test_workers_get_the_secret_and_no_file_has_it(
    own_file: Path, tmp_path: Path, aarlab: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv("AARLAB_SECRET", SECRET)
    done = aarlab(*arguments(own_file, out))
    assert done.exit_code == 0, done.output
    (record,) = open_ablation(out).records
    assert record.summary["open_to_regeneration"] is False
    assert "secret: laboratory:" in (out / "ablation.yaml").read_text()
    assert [path for path in out.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()] == []

    monkeypatch.setenv("AARLAB_SECRET", "")
    public = aarlab(*arguments(own_file, tmp_path / "public"))
    assert public.exit_code == 0, public.output
    assert set(digests(out).values()) != set(digests(tmp_path / "public").values())


def test_another_laboratory_cannot_continue_but_can_read(
    own_file: Path, tmp_path: Path, aarlab: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv("AARLAB_SECRET", SECRET)
    assert aarlab(*arguments(own_file, out)).exit_code == 0
    monkeypatch.setenv("AARLAB_SECRET", "another")
    (path,) = (out / "runs").glob("*.db")
    path.unlink()
    continued = aarlab("ablate", str(out / "ablation.yaml"), "--out", str(out))
    assert continued.exit_code == 2
    assert "set AARLAB_SECRET" in " ".join(continued.stderr.split())
    assert open_ablation(out).records[0].status == "missing"


def test_folders_without_a_secret_keep_their_worlds(
    own_file: Path, tmp_path: Path, aarlab: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert aarlab(*arguments(own_file, out)).exit_code == 0
    stored = out / "ablation.yaml"
    stored.write_text("".join(line for line in stored.read_text().splitlines(True) if "secret" not in line))
    monkeypatch.setenv("AARLAB_SECRET", SECRET)
    assert [record.status for record in open_ablation(out).records] == ["done"]
