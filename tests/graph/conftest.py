"""Runs that tests share: each is made once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from team_runs import Dials, Run, complete, scenario
from team_runs import run as run_once


@pytest.fixture(scope="session")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Dials], Run]]:
    """Make a run of a structure, or return the one that has been made already."""
    folder: Path = tmp_path_factory.mktemp("runs")
    made: dict[str, Run] = {}

    def run_of(dials: Dials) -> Run:
        name = "-".join(dials.values())
        if name not in made:
            made[name] = run_once(scenario(structure=complete(dials)), folder / f"{name}.db")
        return made[name]

    yield run_of
    for run in made.values():
        run.file.close()


@pytest.fixture
def run(run_of: Callable[[Dials], Run], request: pytest.FixtureRequest) -> Run:
    """A run of the structure that the test is parametrised with."""
    return run_of(request.param)
