"""Keys from a file: read, and never repeated."""

import os
from pathlib import Path

import pytest

from aarlab.cli.envfile import read_env_file
from aarlab.config import ConfigError


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a file sets is taken back."""
    for name in ("PLAIN", "QUOTED", "EXPORTED", "EMPTY"):
        monkeypatch.setenv(name, "from the environment")


def test_keys_are_read_and_go_before_the_environments(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# keys\n\nPLAIN=a=b\nQUOTED = \"with # and spaces \"\nexport EXPORTED='x'\nEMPTY=\n")
    read_env_file(path)
    found = [os.environ[name] for name in ("PLAIN", "QUOTED", "EXPORTED", "EMPTY")]
    assert found == ["a=b", "with # and spaces ", "x", ""]


def test_what_is_no_key_is_refused_by_its_line_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("PLAIN=changed\nsk-secret on a line of its own\n")
    with pytest.raises(ConfigError) as refusal:
        read_env_file(path)
    assert f"{path}:2" in str(refusal.value)
    assert "sk-secret" not in str(refusal.value)
    assert os.environ["PLAIN"] == "from the environment", "a file is taken whole or not at all"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_env_file(tmp_path / "nowhere")
