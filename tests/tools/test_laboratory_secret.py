"""The secret of the laboratory: made once, readable by this user only, and recognised by its fingerprint."""

import multiprocessing
import stat
from pathlib import Path

import pytest

from aarlab.tools.evaluator import laboratory_secret as module
from aarlab.tools.evaluator.laboratory_secret import (
    LABORATORY,
    LaboratorySecretError,
    laboratory_secret,
    recorded_secret,
    secret_path,
    world_secret,
)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty state folder of a user without AARLAB_SECRET."""
    monkeypatch.delenv(module.SECRET_VARIABLE)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def test_the_secret_is_made_once_for_this_user_only(state: Path) -> None:
    first = laboratory_secret()
    path = state / "aarlab" / "secret"
    assert secret_path() == path
    assert len(first) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert laboratory_secret() == first
    assert [one.name for one in path.parent.iterdir()] == ["secret"]


def test_a_secret_that_others_could_read_is_closed_to_them(state: Path) -> None:
    secret = laboratory_secret()
    secret_path().chmod(0o644)
    assert laboratory_secret() == secret
    assert stat.S_IMODE(secret_path().stat().st_mode) == 0o600


def test_processes_that_start_together_share_one_secret(state: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        assert len(set(pool.map(_secret, range(32)))) == 1


def _secret(_: int) -> str:
    return laboratory_secret()


def test_a_run_file_has_the_fingerprint_only(state: Path) -> None:
    recorded, secret = recorded_secret(LABORATORY), laboratory_secret()
    assert recorded.startswith("laboratory:")
    assert secret not in recorded
    assert recorded.removeprefix("laboratory:") not in secret
    assert world_secret(recorded) == world_secret(LABORATORY) == secret
    assert (recorded_secret(""), recorded_secret("mine")) == ("", "mine")
    assert (world_secret(""), world_secret("mine")) == ("", "mine")


def test_another_or_no_secret_is_refused_with_a_fix(state: Path) -> None:
    with pytest.raises(LaboratorySecretError, match="Fix: copy the file"):
        world_secret("laboratory:0123456789abcdef")
    assert not secret_path().exists(), "a recorded run does not make a new secret"
    laboratory_secret()
    with pytest.raises(LaboratorySecretError, match=r"laboratory has another one. Fix: set AARLAB_SECRET"):
        world_secret("laboratory:0123456789abcdef")


def test_a_folder_that_cannot_be_written_is_said_with_a_fix(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (state / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(state / "file"))
    with pytest.raises(LaboratorySecretError, match="set XDG_STATE_HOME"):
        laboratory_secret()


def test_the_variable_replaces_the_file(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(module.SECRET_VARIABLE, "shared by all nodes")
    assert laboratory_secret() == "shared by all nodes"
    monkeypatch.setenv(module.SECRET_VARIABLE, "")
    assert recorded_secret(LABORATORY) == ""
    assert not secret_path().exists()
