"""The README agrees with the project."""

import re
import subprocess
import tomllib
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def block(first_line: str) -> list[str]:
    """Return the lines of the code block that begins with this comment, without it."""
    match = re.search(rf"^```\w*\n# {re.escape(first_line)}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert match, f"the README has no block that begins with '# {first_line}'"
    return match[1].splitlines()


def test_both_commands_are_one_line_from_a_bare_checkout() -> None:
    for name in ("install and run", "install and test"):
        (command,) = block(name)
        assert command.startswith("python3 -m venv .venv && ")


def test_ci_runs_the_test_command_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    extraction = re.search(r"command=\$\((sed .*)\)$", script, re.MULTILINE)
    assert extraction, ".ci/run does not take the command from the README"
    taken = subprocess.run(["bash", "-c", extraction[1]], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert taken.splitlines() == block("install and test")
    assert """bash -euo pipefail -c "${command//.venv/$scratch/venv} -m ''\"""" in script


def test_layout_names_every_package() -> None:
    layout = "\n".join(block("layout"))
    for folder in ("scenarios", "memory", "agents", "tools", "graph", "aarlab", "tests"):
        assert f"{folder}/" in layout
        assert (ROOT / folder).is_dir()


def test_versions_agree() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert YAML(typ="safe", pure=True).load(ROOT / "CITATION.cff")["version"] == version
    assert re.search(rf"^## \[(Unreleased|{re.escape(version)})\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def normal(name: str) -> str:
    """Return a distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_has_a_tested_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line) for line in pinned)
    names = {normal(line.split("==")[0]) for line in pinned}
    direct = [re.split(r"[^A-Za-z0-9._-]", requirement)[0] for requirement in project["dependencies"]]
    assert {normal(name) for name in direct} <= names
