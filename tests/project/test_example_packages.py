"""Each example package of the documentation installs with pip and adds what it promises."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from aarlab.cli.main import main

DOCS = Path(__file__).parents[2] / "docs"
SMALL_RUN = [
    "run", "--json", "--quiet", "--set", "team={researchers: 1, model: acme/echo}", "--set", "budget.hours=2",
    "--set", "scoring={full_worlds: 2, final_worlds: 2, screening_worlds: 2, heldout_worlds: 2, shifted_worlds: 2, "
    "transfer_worlds: 0}",
]  # fmt: skip
ADDED = {
    "example-provider": (SMALL_RUN, '"model": "acme/echo"'),
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


IN_ONE_PROCESS = """
import io, json, sys
from contextlib import redirect_stdout
from aarlab.cli.main import main
for command in json.loads(sys.argv[1]):
    with redirect_stdout(io.StringIO()) as output:
        try:
            main(command)
        except SystemExit as status:
            assert not status.code, (command, status.code)
    print(json.dumps(output.getvalue()))
"""


@pytest.mark.long
def test_installed_example_packages_work(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for command, word in ADDED.values():
        without = CliRunner().invoke(main, command)
        assert without.exit_code != 0 or word not in without.stdout
    monkeypatch.setenv("PYTHONPATH", str(site))
    commands = json.dumps([command for command, _ in ADDED.values()])
    done = subprocess.run([sys.executable, "-c", IN_ONE_PROCESS, commands], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    for (package, (_, word)), text in zip(ADDED.items(), printed, strict=True):
        assert word in text, package
