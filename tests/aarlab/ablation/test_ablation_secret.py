"""The secret of the laboratory in ablations: workers get it, and no file of the folder has it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from small_ablations import FILE, arguments, digests

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.records import open_ablation
from aarlab.cli.main import main
from aarlab.config.scenario_files import shipped_ablations
from aarlab.memory.laboratory_fingerprint import needs_laboratory

SECRET = "a-secret-of-one-laboratory"


OWN_FILE = FILE.replace("scenario: quickstart", "scenario: {task: chat}").replace("  staged: {struct", "#")
"""An ablation whose scenario names no secret."""


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """The file of that ablation."""
    path = tmp_path / "pair.yaml"
    path.write_text(OWN_FILE)
    return path


@pytest.fixture
def executed(made_once: Callable[..., Path], tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that returns a copy of the ablation's folder after an execution with a secret."""

    def executed(secret: str) -> Path:
        def make(folder: Path) -> None:
            (folder / "pair.yaml").write_text(OWN_FILE)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("AARLAB_SECRET", secret)
                done = CliRunner().invoke(main, arguments(folder / "pair.yaml", folder / "out"))
            assert done.exit_code == 0, done.output

        name = "with a secret" if secret else "with public worlds"
        return Path(shutil.copytree(made_once(name, make) / "out", tmp_path / name))

    return executed


def test_shipped_ablations_have_the_same_worlds_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AARLAB_SECRET", SECRET)
    plans = [load_ablation(name) for name in shipped_ablations()]
    secrets = {run.scenario.scoring.secret for plan in plans for run in (*plan.runs, *plan.sensitivity_runs)}
    # `hacking` measures attacks that draw worlds again, so it has a secret, which its scenario names.
    assert secrets == {"", load_ablation("hacking").arms[0].scenario.scoring.secret}
    assert not any(secret and (secret == SECRET or needs_laboratory(secret)) for secret in secrets)


@pytest.mark.long
def test_workers_get_the_secret_and_no_file_has_it(
    executed: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AARLAB_SECRET", SECRET)
    out = executed(SECRET)
    (record,) = open_ablation(out).records
    assert record.summary["open_to_regeneration"] is False
    assert "secret: laboratory:" in (out / "ablation.yaml").read_text()
    assert [path for path in out.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()] == []
    assert set(digests(out).values()) != set(digests(executed("")).values())


@pytest.mark.usefixtures("no_container_engine")
def test_nothing_is_written_where_the_secret_cannot_be_made(
    own_file: Path, tmp_path: Path, aarlab: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AARLAB_SECRET")
    monkeypatch.setenv("XDG_STATE_HOME", str(own_file))  # a file, so no folder can be made in it
    done = aarlab(*arguments(own_file, tmp_path / "out"))
    assert done.exit_code == 2
    assert "XDG_STATE_HOME" in done.stderr
    assert not (tmp_path / "out").exists()
    assert "cannot be made" in " ".join(aarlab("doctor").stdout.split())


@pytest.mark.long
def test_another_laboratory_cannot_continue_but_can_read(
    executed: Callable[[str], Path], aarlab: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = executed(SECRET)
    monkeypatch.setenv("AARLAB_SECRET", "another")
    (path,) = (out / "runs").glob("*.db")
    path.unlink()
    continued = aarlab("ablate", str(out / "ablation.yaml"), "--out", str(out))
    assert continued.exit_code == 2
    assert "set AARLAB_SECRET" in " ".join(continued.stderr.split())
    assert open_ablation(out).records[0].status == "missing"


@pytest.mark.long
def test_folders_without_a_secret_keep_their_worlds(
    executed: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = executed("")
    stored = out / "ablation.yaml"
    stored.write_text("".join(line for line in stored.read_text().splitlines(True) if "secret" not in line))
    monkeypatch.setenv("AARLAB_SECRET", SECRET)
    assert [record.status for record in open_ablation(out).records] == ["done"]
