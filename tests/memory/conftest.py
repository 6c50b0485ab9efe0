"""Fixtures of the memory tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aarlab.memory.run_writer import RunWriter


@pytest.fixture
def file(tmp_path: Path) -> Iterator[RunWriter]:
    """Return a new run file, open for writing."""
    with RunWriter.create(tmp_path / "run.db", run_id="run", version="0.1.0", seed=7, scenario={"name": "toy"}) as file:
        yield file
