"""An ablation of two small arms, its plan, and its folder after an execution."""

import json
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_ablations import FILE, SMALL, arguments

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_plan import AblationPlan
from aarlab.cli.main import main
from aarlab.tools.sandbox import SandboxUnavailable, shared_sandbox

Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session", autouse=True)
def _sandbox() -> None:
    """Start the sandbox of this process, so that not every `ablate` starts one to see whether it works."""
    with suppress(SandboxUnavailable):
        shared_sandbox("strict")


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ablation of two arms and one seed."""
    path = tmp_path_factory.mktemp("file") / "pair.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="session")
def complete(file: Path, made_once: Callable[..., Path]) -> tuple[Path, Done]:
    """Its folder after an uninterrupted execution, and the output."""

    def make(folder: Path) -> None:
        done = CliRunner().invoke(main, arguments(file, folder / "pair", "--json", "--jobs", "1"))
        (folder / "done.json").write_text(json.dumps([done.exit_code, done.stdout, done.stderr]))

    folder = made_once("pair", make)
    status, stdout, stderr = json.loads((folder / "done.json").read_text())
    assert status == 0, stderr
    return folder / "pair", Done([], status, stdout, stderr)


@pytest.fixture
def copy(complete: tuple[Path, Done], tmp_path: Path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(complete[0], tmp_path / "pair"))


@pytest.fixture(scope="session")
def plan(file: Path) -> AblationPlan:
    """The plan of the ablation."""
    return load_ablation(file, SMALL)
