"""Each example package of the documentation installs with pip and adds what it promises."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
ADDED = {
    "example-provider": (["models"], "acme"),
    "example-task": (["tasks", "halfspace", "--json"], "halfspace"),
    "example-tool": (["prompts", "--set", "team.tools=[diff_files]"], "diff_files"),
    "example-exporter": (["export", "--help"], "digest"),
}
"""By package, a command and a word that the command prints only if the package is installed."""


def test_every_example_package_is_tested() -> None:
    assert {path.name for path in DOCS.glob("example-*")} == set(ADDED)


@pytest.mark.long
@pytest.mark.parametrize("package", ADDED)
def test_installed_example_package_works(package: str, tmp_path: Path) -> None:
    command, word = ADDED[package]
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(DOCS / package)], check=True, capture_output=True)
    aarlab = [sys.executable, "-m", "aarlab", *command]
    environment = {**os.environ, "COLUMNS": "200"}
    without = subprocess.run(aarlab, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert without.returncode != 0 or word not in without.stdout
    environment["PYTHONPATH"] = str(site)
    done = subprocess.run(aarlab, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert word in done.stdout
