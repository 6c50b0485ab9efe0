"""Tests of the Python API: the examples in the docstring of the package run, and all names can be imported."""

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import aarlab


@pytest.mark.long
def test_examples_of_the_docstring_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # One worker process is enough for the two runs of the ablation.
    monkeypatch.setattr("aarlab.ablation.execution.available_cores", lambda: 1)
    examples = doctest.DocTestFinder(recurse=False).find(aarlab, "aarlab")
    results = [doctest.DocTestRunner().run(example) for example in examples]
    assert sum(result.attempted for result in results) > 8
    assert sum(result.failed for result in results) == 0


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(aarlab, name) is not None for name in aarlab.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = aarlab.nothing


def test_import_of_the_package_loads_no_module_of_it() -> None:
    code = "import sys, aarlab; print([name for name in sys.modules if name.startswith('aarlab.')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
