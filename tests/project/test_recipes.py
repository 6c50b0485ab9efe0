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


def block(recipe: str, language: str) -> str:
    """Return the content of the recipe's code block in a language; empty if it has none."""
    match = re.search(rf"^```{language}\n(.*?)^```$", recipe, re.MULTILINE | re.DOTALL)
    return match[1] if match else ""


@pytest.fixture
def checkout() -> Iterator[Path]:
    """Return a copy of the files under version control. The sandbox's user can read it."""
    folder = Path(tempfile.mkdtemp(prefix="aarlab-recipe-"))
    folder.chmod(0o755)
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in listed:
        if name and os.path.lexists(ROOT / name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    yield folder
    shutil.rmtree(folder)


def test_there_are_ten_recipes() -> None:
    assert len(RECIPES) == 10


@pytest.mark.parametrize("title", RECIPES)
def test_recipe_takes_at_most_three_files(title: str) -> None:
    files = re.findall(r"^\+\+\+ (\S+)$", block(RECIPES[title], "diff"), re.MULTILINE)
    assert 1 <= len(files) <= MAX_FILES
    assert f"Files: {len(files)}." in RECIPES[title]


@pytest.mark.long
@pytest.mark.parametrize("title", RECIPES)
def test_recipe_applies_and_its_commands_work(title: str, checkout: Path, tmp_path: Path) -> None:
    patch = tmp_path / "recipe.diff"
    patch.write_text(block(RECIPES[title], "diff"), encoding="utf-8")
    subprocess.run(["git", "apply", "-p0", "-C1", str(patch)], cwd=checkout, check=True)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PYTHONPATH": str(checkout), "CHECKOUT": str(checkout), "PATH": path}
    for language, folder in (("sh", checkout), ("bash", tmp_path / "empty")):
        folder.mkdir(exist_ok=True)
        commands = block(RECIPES[title], language)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{language}:\n{done.stdout}\n{done.stderr}"
