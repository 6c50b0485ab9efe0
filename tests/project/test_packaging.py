"""The wheel and the sdist contain the product files of the checkout, and both can be installed and imported."""

import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("agents", "graph", "memory", "scenarios", "tools")
IMPORT_EVERYTHING = """
import importlib, pkgutil, aarlab
print(aarlab.__file__)
skipped = (
    "aarlab.export.inspect", "aarlab.export.mlflow_tracker", "aarlab.export.wandb_tracker", "aarlab.__main__",
    "aarlab.scenarios.baselines.", "aarlab.scenarios.hf.",
)
for found in pkgutil.walk_packages(aarlab.__path__, "aarlab."):
    if not found.name.startswith(skipped):
        importlib.import_module(found.name)
for package in ("agents", "graph", "memory", "scenarios", "tools"):
    folder = importlib.import_module(f"aarlab.{package}").__path__
    for found in pkgutil.walk_packages(folder, f"aarlab.{package}."):
        if not found.name.startswith(skipped):
            importlib.import_module(found.name)
            print(found.name)
"""
"""Modules that are not imported: they need Inspect, a tracker or PyTorch, run the command line, or run in a sandbox."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build the sdist, and the wheel from it; return both by kind."""
    out = tmp_path_factory.mktemp("dist")
    # Without isolation nothing is downloaded: hatchling is one of the development dependencies.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return {"wheel": next(out.glob("*.whl")), "sdist": next(out.glob("*.tar.gz"))}


def product_files() -> set[str]:
    """Return the path in the wheel of every file of the product."""
    inside = {
        path.relative_to(ROOT).as_posix()
        for folder in (*PACKAGES, "aarlab")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return {path if path.startswith("aarlab/") else f"aarlab/{path}" for path in inside}


def test_packages_are_relative_links_into_aarlab() -> None:
    for package in PACKAGES:
        assert (ROOT / "aarlab" / package).readlink() == Path("..") / package


def test_wheel_holds_exactly_the_product_files(built: dict[str, Path]) -> None:
    with zipfile.ZipFile(built["wheel"]) as archive:
        packed = {name for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert packed == product_files()


def test_sdist_holds_the_product_files(built: dict[str, Path]) -> None:
    with tarfile.open(built["sdist"]) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert product_files() <= packed


def fresh_environment(folder: Path) -> Path:
    """Return the interpreter of a new environment that has the libraries of this one, but not aarlab."""
    venv.create(folder)
    python = folder / "bin" / "python"
    purelib = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    # A path, not a site directory: Python does not read the .pth files in it, such as that of an editable aarlab.
    Path(purelib.stdout.strip(), "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run_outside(python: Path, *arguments: str, where: Path) -> str:
    """Run the interpreter in a folder that is not a checkout, and return its output."""
    command = [str(python), *arguments]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.long
@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_installed_package_imports_and_runs(kind: str, built: dict[str, Path], tmp_path: Path) -> None:
    # The wheel was built from the sdist.
    python = fresh_environment(tmp_path / "venv")
    source = ["--editable", str(ROOT)] if kind == "editable" else [str(built["wheel"])]
    # This environment's pip installs into the other one, which saves installing pip there.
    pip = ("-m", "pip", "--python", str(python), "install", "--quiet", "--force-reinstall", "--no-deps")
    run_outside(Path(sys.executable), *pip, "--no-build-isolation", *source, where=tmp_path)

    home, *imported = run_outside(python, "-c", IMPORT_EVERYTHING, where=tmp_path).split()
    assert Path(home).is_relative_to(ROOT if kind == "editable" else tmp_path)
    assert {name.split(".")[1] for name in imported} == set(PACKAGES)
    assert "quickstart" in run_outside(python, "-m", "aarlab", "validate", where=tmp_path)
    assert run_outside(Path(python).parent / "aarlab", "tasks", "chat", "--json", where=tmp_path).startswith("{")
