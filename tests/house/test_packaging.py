"""What is built and installed is what stands in the checkout."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("agents", "graph", "memory", "scenarios", "tools")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    out = tmp_path_factory.mktemp("wheel")
    # Without isolation nothing is downloaded: hatchling is one of the development dependencies.
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    (built,) = out.glob("*.whl")
    return built


def files_of_the_house() -> set[str]:
    """Return the path in the wheel of every file in the rooms and the front office."""
    inside = {
        path.relative_to(ROOT).as_posix()
        for folder in (*ROOMS, "aarlab")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return {path if path.startswith("aarlab/") else f"aarlab/{path}" for path in inside}


def test_the_wheel_holds_every_file_of_the_house_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert packed == files_of_the_house()


@pytest.mark.parametrize(
    "needed",
    [
        "aarlab/cli.py",
        "aarlab/agents/prompts/researcher.md",
        "aarlab/scenarios/quickstart.yaml",
        "aarlab/scenarios/baselines/vanilla_hard.py",
        "aarlab/graph/run.py",
        "aarlab/memory/runfile.py",
        "aarlab/tools/evaluator.py",
    ],
)
def test_what_a_run_needs_is_in_the_wheel(wheel: Path, needed: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert needed in archive.namelist()


def fresh_environment(folder: Path) -> Path:
    """Return the interpreter of a new environment that has this one's libraries, but no aarlab."""
    venv.create(folder)
    python = folder / "bin" / "python"
    purelib = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    # A path, not a site directory: the .pth files in it, that of an editable aarlab among them, do nothing.
    Path(purelib.stdout.strip(), "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def outside(python: Path, *arguments: str, where: Path) -> str:
    """Run the interpreter in a folder that is no checkout, and return what it prints."""
    command = [str(python), *arguments]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.long
@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_an_installed_aarlab_works_outside_the_checkout(kind: str, wheel: Path, tmp_path: Path) -> None:
    python = fresh_environment(tmp_path / "venv")
    what = [str(wheel)] if kind == "wheel" else ["--no-build-isolation", "--editable", str(ROOT)]
    # This environment's pip works on that one, for which half the time would go into getting one of its own.
    pip = ("-m", "pip", "--python", str(python), "install", "--quiet", "--force-reinstall", "--no-deps")
    outside(Path(sys.executable), *pip, *what, where=tmp_path)

    home = outside(python, "-c", "import aarlab; print(aarlab.__file__)", where=tmp_path).strip()
    assert Path(home).is_relative_to(tmp_path if kind == "wheel" else ROOT)
    assert "Usage" in outside(python, "-m", "aarlab", "--help", where=tmp_path)
    assert "quickstart" in outside(python, "-m", "aarlab", "validate", where=tmp_path)
    outside(
        python, "-c", "import aarlab.graph.run, aarlab.agents.models.registry, aarlab.tools.evaluator", where=tmp_path
    )
    assert outside(Path(python).parent / "aarlab", "tasks", "chat", "--json", where=tmp_path).startswith("{")
