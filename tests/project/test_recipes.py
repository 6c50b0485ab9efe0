"""The recipes of docs/developing.md apply to this checkout, and their commands work."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "developing.md").read_text(encoding="utf-8")
RECIPES = {part.splitlines()[0]: part for part in re.split(r"^### (?=Add )", PAGE, flags=re.MULTILINE)[1:]}
MAX_FILES = 3
PYTEST = "pytest -q -n 0 "
PLAIN_RUN = "aarlab run nk --json --out . --set budget.hours=6 --set team.researchers=3"


def block(recipe: str, language: str) -> str:
    """Return the content of the recipe's code block in a language; empty if it has none."""
    match = re.search(rf"^```{language}\n(.*?)^```$", recipe, re.MULTILINE | re.DOTALL)
    return match[1] if match else ""


def apply(recipe: str, folder: Path, *options: str) -> None:
    """Apply the diff of a recipe in a folder."""
    command = ["git", "apply", "-p0", "-C1", *options]
    subprocess.run(command, cwd=folder, input=block(recipe, "diff"), text=True, check=True)


def shell(commands: str, folder: Path, checkout: Path) -> None:
    """Execute commands in a folder, with the code of a checkout."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # Compiled modules are kept, whatever this process does: the copy of the checkout has none yet.
    environment = os.environ | {"PYTHONPATH": str(checkout), "CHECKOUT": str(checkout), "PATH": path}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = ["bash", "-euo", "pipefail", "-c", commands]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{commands}:\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="session")
def changed_checkout() -> Iterator[Path]:
    """Return a copy of the files under version control with all recipes applied, and all generated files renewed.

    The recipes share it because every copy is compiled anew. The sandbox's user can read it.
    """
    folder = Path(tempfile.mkdtemp(prefix="recipes-", dir=os.environ["TMPDIR"]))
    folder.chmod(0o755)
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in listed:
        if name and os.path.lexists(ROOT / name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    for recipe in RECIPES.values():
        apply(recipe, folder)
    shell("\n".join(dict.fromkeys(line for recipe in RECIPES.values() for line in generators(recipe))), folder, folder)
    yield folder
    shutil.rmtree(folder)


def generators(recipe: str) -> list[str]:
    """Return the commands that write the generated files. Several recipes have the same."""
    return [line for line in block(recipe, "sh").splitlines() if line.startswith("python ")]


def test_there_are_ten_recipes() -> None:
    assert len(RECIPES) == 10


@pytest.mark.parametrize("title", RECIPES)
def test_recipe_takes_at_most_three_files(title: str) -> None:
    files = re.findall(r"^\+\+\+ (\S+)$", block(RECIPES[title], "diff"), re.MULTILINE)
    assert 1 <= len(files) <= MAX_FILES
    assert f"Files: {len(files)}." in RECIPES[title]


@pytest.mark.parametrize("title", RECIPES)
def test_recipe_applies_to_this_checkout(title: str) -> None:
    apply(RECIPES[title], ROOT, "--check")


@pytest.fixture(scope="session")
def plain_run(changed_checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the run was made that several recipes begin with."""
    folder = tmp_path_factory.mktemp("plain")
    shell(PLAIN_RUN, folder, changed_checkout)
    return folder


@pytest.mark.long
def test_tests_of_all_recipes_pass(changed_checkout: Path) -> None:
    lines = [line for recipe in RECIPES.values() for line in block(recipe, "sh").splitlines()]
    tests = [line.removeprefix(PYTEST) for line in lines if line.startswith(PYTEST)]
    assert len(tests) + sum(len(generators(recipe)) for recipe in RECIPES.values()) == len(lines)
    shell(f"{PYTEST}{' '.join(dict.fromkeys(' '.join(tests).split()))}", changed_checkout, changed_checkout)


@pytest.mark.long
@pytest.mark.parametrize("title", RECIPES)
def test_commands_of_a_recipe_work(title: str, changed_checkout: Path, plain_run: Path, tmp_path: Path) -> None:
    first, _, others = block(RECIPES[title], "bash").partition("\n")
    if first == PLAIN_RUN:
        shutil.copytree(plain_run, tmp_path, dirs_exist_ok=True)
    else:
        shell(first, tmp_path, changed_checkout)
    shell(others, tmp_path, changed_checkout)
