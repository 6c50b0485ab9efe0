"""Export formats by name, and formats of installed packages."""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from aarlab.config import ConfigError
from aarlab.export import FORMATS, find_format, format_names
from aarlab.export.formats import load

EXAMPLE = Path(__file__).parents[3] / "docs" / "example-exporter"

EXPORTS = """
import sys
from aarlab.cli.main import main
for arguments in sys.argv[1:]:
    main(["export", *arguments.split()], standalone_mode=False)
"""
"""Executes export commands one after another."""

Aarlab = Callable[..., Result]
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a module with an entry point, here and in processes that the test starts."""

    def install(code: str, *, name: str = "digest", package: str = "aarlab-digest") -> None:
        folder, module = tmp_path_factory.mktemp("installed"), package.replace("-", "_")
        (folder / f"{module}.py").write_text(code)
        info = folder / f"{module}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[aarlab.exporters]\n{name} = {module}:FORMAT\n")
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "inspect"])
def test_the_writer_of_every_built_in_format_can_be_imported(name: str) -> None:
    assert FORMATS[name].name == name
    assert callable(load(find_format(name)))


def test_a_missing_extra_is_an_error_with_the_pip_command(
    aarlab: Aarlab, summary: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delitem(sys.modules, "aarlab.export.inspect.log_writer", raising=False)
    for module in ("inspect_ai", *(name for name in sys.modules if name.startswith("inspect_ai."))):
        monkeypatch.setitem(sys.modules, module, None)
    done = aarlab("export", summary["file"], "--format", "inspect")
    assert done.exit_code == 2
    assert "pip install 'aarlab[inspect]'" in done.output
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_is_refused_with_all_names(aarlab: Aarlab, summary: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="did you mean graphml"):
        find_format("graphm")
    done = aarlab("export", summary["file"], "--format", "xml")
    assert done.exit_code == 2
    assert all(name in done.output for name in FORMATS)


def test_a_package_adds_a_format_to_the_command_and_its_help(
    install: Install,
    summary: dict[str, Any],
    tmp_path: Path,
) -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    assert project["entry-points"] == {"aarlab.exporters": {"digest": "aarlab_digest:FORMAT"}}
    install((EXAMPLE / "aarlab_digest.py").read_text(), package=project["name"])
    assert format_names() == [*FORMATS, "digest"]
    shutil.copy(summary["file"], tmp_path / "run.db")
    # In another process, because the names of the formats are read when the command is imported.
    commands = ("run.db --format digest", "run.db --format digest --redact teacher --out redacted.md", "--help")
    done = subprocess.run(
        [sys.executable, "-c", EXPORTS, *commands],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "aarlab-digest" in done.stdout
    assert summary["best"]["finding"] in (tmp_path / "run.md").read_text()
    assert "teacher" not in (tmp_path / "redacted.md").read_text()


def test_a_package_cannot_replace_a_built_in_format(install: Install) -> None:
    install((EXAMPLE / "aarlab_digest.py").read_text(), name="csv")
    assert format_names() == [*FORMATS]
    assert find_format("csv") is FORMATS["csv"]


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("raise ImportError('no digest')", "the package 'aarlab-digest' cannot be loaded: ImportError: no digest"),
        ("FORMAT = 3", "the package 'aarlab-digest' has no ExportFormat of this name"),
    ],
)
def test_a_broken_package_is_named_and_affects_no_other_format(install: Install, code: str, problem: str) -> None:
    install(code)
    with pytest.raises(ConfigError, match=problem):
        find_format("digest")
    assert "digest" in format_names()
    assert find_format("csv") is FORMATS["csv"]


def test_two_packages_with_the_same_format_name_are_an_error(install: Install) -> None:
    for package in ("aarlab-digest", "another-digest"):
        install((EXAMPLE / "aarlab_digest.py").read_text(), package=package)
    with pytest.raises(ConfigError, match="several packages have a format of this name: aarlab-digest, another-digest"):
        find_format("digest")
