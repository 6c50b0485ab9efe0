"""The secret of the laboratory: made once, readable by this user only, and recognised by its fingerprint."""

import multiprocessing
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from aarlab.scenarios.tasks.weight_cache import cached
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


@pytest.mark.usefixtures("open_tmp_path", "state")
@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")
def test_a_secret_of_another_user_is_read_and_kept() -> None:
    secret = laboratory_secret()
    secret_path().parent.chmod(0o755)
    secret_path().chmod(0o644)
    with multiprocessing.get_context("fork").Pool(1, os.setuid, (12345,)) as pool:
        assert pool.apply(_secret, (0,)) == secret


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user without a home folder")
def test_a_user_without_a_home_folder_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "XDG_STATE_HOME", "AARLAB_CACHE", module.SECRET_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    with multiprocessing.get_context("fork").Pool(1, os.setuid, (12345,)) as pool:
        with pytest.raises(LaboratorySecretError, match="no home folder"):
            pool.apply(_secret, (0,))
        assert pool.apply(cached, ("nothing", {}, _made)) == {}


def _made() -> dict[str, Any]:
    return {}


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
    with pytest.raises(LaboratorySecretError, match="copy the file from where"):
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
