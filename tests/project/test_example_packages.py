"""Each example package of the documentation installs with pip and adds what it promises."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from aarlab.cli.main import main

DOCS = Path(__file__).parents[2] / "docs"
ADDED = {
    "example-provider": (["models"], "acme"),
    "example-task": (["tasks", "docstrings", "--recipes", "0", "--json"], "docstrings"),
    "example-agent": (["models", "--json"], "agent/tuner"),
    "example-tool": (
        ["prompts", "--set", "team.tools=[diff_files]"],
        "diff_files: Compare two files of your workspace",
    ),
    "example-exporter": (["export", "--help"], "digest"),
}
"""By package, a command and a word that the command prints only if the package is installed."""


@pytest.fixture(scope="session")
def site(made_once: Callable[..., Path]) -> Path:
    """A folder into which pip has installed all packages."""

    def make(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
        packages = [str(DOCS / package) for package in ADDED]
        subprocess.run([*pip, "--target", str(folder), *packages], check=True, capture_output=True)

    return made_once("example packages", make)


def test_every_example_package_is_tested() -> None:
    assert {path.name for path in DOCS.glob("example-*")} == set(ADDED)


@pytest.mark.long
@pytest.mark.parametrize("package", ADDED)
def test_installed_example_package_works(
    package: str, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, word = ADDED[package]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    without = CliRunner().invoke(main, command)
    assert without.exit_code != 0 or word not in without.stdout
    environment = {**os.environ, "PYTHONPATH": str(site)}
    aarlab = [sys.executable, "-m", "aarlab", *command]
    done = subprocess.run(aarlab, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert word in done.stdout
