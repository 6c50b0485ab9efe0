"""An ablation of two small arms, its plan, and its folder after an execution."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from small_ablations import FILE, SMALL, arguments

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_plan import AblationPlan
from aarlab.cli.main import main


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ablation of two arms and one seed."""
    path = tmp_path_factory.mktemp("file") / "pair.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="session")
def complete(file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Its folder after an uninterrupted execution, and the output."""
    out = tmp_path_factory.mktemp("complete") / "pair"
    done = CliRunner().invoke(main, arguments(file, out, "--json", "--jobs", "2"))
    assert done.exit_code == 0, done.stderr
    return out, done


@pytest.fixture
def copy(complete: tuple[Path, Result], tmp_path: Path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(complete[0], tmp_path / "pair"))


@pytest.fixture(scope="session")
def plan(file: Path) -> AblationPlan:
    """The plan of the ablation."""
    return load_ablation(file, SMALL)
