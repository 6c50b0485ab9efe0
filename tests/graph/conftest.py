"""Runs that several tests share; each is executed once."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from team_runs import Dials, Run, complete, scenario
from team_runs import run as run_once

from aarlab.memory.run_reader import RunReader


@pytest.fixture(scope="session")
def run_of(made_once: Callable[..., Path]) -> Iterator[Callable[[Dials], Run]]:
    """Return a function that runs a structure once and returns the run."""
    opened: dict[str, Run] = {}

    def run_of(dials: Dials) -> Run:
        name = "-".join(dials.values())
        if name not in opened:
            configured = scenario(structure=complete(dials))

            def make(folder: Path) -> None:
                done = run_once(configured, folder / f"{name}.db")
                done.file.close()
                (folder / "summary.json").write_text(json.dumps(done.summary))

            folder = made_once(name, make)
            summary = json.loads((folder / "summary.json").read_text())
            opened[name] = Run(configured, summary, RunReader.open(folder / f"{name}.db"))
        return opened[name]

    yield run_of
    for run in opened.values():
        run.file.close()


@pytest.fixture
def run(run_of: Callable[[Dials], Run], request: pytest.FixtureRequest) -> Run:
    """A run of the structure of the test's parameter."""
    return run_of(request.param)
