"""A real evaluator and a lab for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab_hands import Lab

from aarlab.memory.runfile import RunFile
from aarlab.scenarios import registry
from aarlab.tools.evaluator import Evaluator
from aarlab.tools.sandbox import Sandbox, SandboxUnavailable


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The strict sandbox; where it cannot be had, the other: its walls are not what is tested here."""
    try:
        box = Sandbox("strict")
    except SandboxUnavailable:
        box = Sandbox("none")
    with box:
        yield box


@pytest.fixture(scope="session")
def make_evaluator(sandbox: Sandbox) -> Iterator[Callable[..., Evaluator]]:
    """Make evaluators of chat, two worlds to a full experiment."""
    made: list[Evaluator] = []

    def make(*, run_seed: int, box: Sandbox = sandbox, open_book: bool = False) -> Evaluator:
        made.append(Evaluator(registry.task("chat"), box, run_seed=run_seed, full_worlds=2, open_book=open_book))
        return made[-1]

    yield make
    for evaluator in reversed(made):
        evaluator.close()


@pytest.fixture(scope="session")
def evaluator(make_evaluator: Callable[..., Evaluator]) -> Evaluator:
    """The evaluator of run seed 7."""
    return make_evaluator(run_seed=7)


@pytest.fixture
def lab(tmp_path: Path, evaluator: Evaluator) -> Iterator[Lab]:
    """A lab in which nothing has happened yet; `lab["r1"]` is a researcher at its bench."""
    with RunFile.create(tmp_path / "run.db", run_id="run", version="0.1.0", seed=7, scenario={}) as file:
        yield Lab(file, evaluator)
