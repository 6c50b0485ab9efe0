"""Small runs, and the command line in this process or in another one."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aarlab.cli.main import main

Done = subprocess.CompletedProcess[str]
TINY = (
    "budget.hours=6", "budget.round_hours=2", "team.researchers=2", "scoring.full_worlds=2", "scoring.final_worlds=2",
    "scoring.screening_worlds=2",
    "scoring.finalists=1", "scoring.heldout_worlds=2", "scoring.shifted_worlds=2", "scoring.transfer_worlds=0",
)  # fmt: skip


C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""An environment in which output is ASCII."""


def _run(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Done:
    return subprocess.run(
        [sys.executable, "-m", "aarlab", *arguments], cwd=folder, env={**os.environ, **(env or {})},
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=240,
    )  # fmt: skip


@pytest.fixture(scope="session")
def tiny() -> list[str]:
    """Return arguments that make a run small."""
    return [part for setting in TINY for part in ("--set", setting)]


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., Done]:
    """Return the command line in another process, in an empty folder, with piped output."""
    return lambda *arguments: _run(tmp_path, *arguments)


@pytest.fixture
def aarlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Return the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    before = signal.getsignal(signal.SIGTERM)
    yield lambda *arguments: CliRunner().invoke(main, arguments)
    # Long commands install a handler.
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def no_container_engine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide Docker and Podman, which take seconds to start a container; bubblewrap is still found."""
    folder = tmp_path_factory.mktemp("bin")
    if (bubblewrap := shutil.which("bwrap")) is not None:
        (folder / "bwrap").symlink_to(bubblewrap)
    monkeypatch.setenv("PATH", str(folder))


@pytest.fixture(scope="session")
def tiny_run(made_once: Callable[..., Path], tiny: list[str]) -> Done:
    """Return the finished process of `aarlab run --json` of a small scenario, in the C locale."""

    def make(folder: Path) -> None:
        done = _run(folder, "run", "--json", "--seed", "7", "--out", str(folder), *tiny, env=C_LOCALE)
        (folder / "done.json").write_text(json.dumps(vars(done)))

    return Done(**json.loads((made_once("tiny", make) / "done.json").read_text()))


@pytest.fixture(scope="session")
def summary(tiny_run: Done) -> dict[str, Any]:
    """Return the summary of the small run."""
    assert tiny_run.returncode == 0, tiny_run.stderr
    output: dict[str, Any] = json.loads(tiny_run.stdout)
    return output
