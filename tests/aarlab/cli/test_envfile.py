"""Tests of `--env-file`: keys are read and never quoted."""

import os
from pathlib import Path

import pytest

from aarlab.cli.envfile import read_env_file
from aarlab.config import ConfigError


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore the environment after each test."""
    for name in ("PLAIN", "QUOTED", "EXPORTED", "EMPTY"):
        monkeypatch.setenv(name, "from the environment")


def test_keys_override_the_environment(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# keys\n\nPLAIN=a=b\nQUOTED = \"with # and spaces \"\nexport EXPORTED='x'\nEMPTY=\n")
    read_env_file(path)
    values = [os.environ[name] for name in ("PLAIN", "QUOTED", "EXPORTED", "EMPTY")]
    assert values == ["a=b", "with # and spaces ", "x", ""]


def test_invalid_line_is_refused_without_quoting_it(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("PLAIN=changed\nsk-secret on a line of its own\n")
    with pytest.raises(ConfigError) as refusal:
        read_env_file(path)
    assert f"{path}:2" in str(refusal.value)
    assert "sk-secret" not in str(refusal.value)
    assert os.environ["PLAIN"] == "from the environment", "a file is read completely or not at all"


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_env_file(tmp_path / "nowhere")
