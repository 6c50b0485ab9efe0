"""A real evaluator, and a team for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tool_drivers import TeamDriver

from aarlab.memory.run_writer import RunWriter
from aarlab.scenarios import task_registry
from aarlab.tools.evaluator import Evaluator
from aarlab.tools.sandbox import Sandbox, SandboxUnavailable


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The strict sandbox, or mode `none` where it is unavailable: isolation is not tested here."""
    try:
        in_sandbox = Sandbox("strict")
    except SandboxUnavailable:
        in_sandbox = Sandbox("none")
    with in_sandbox:
        yield in_sandbox


@pytest.fixture(scope="session")
def make_evaluator(sandbox: Sandbox) -> Iterator[Callable[..., Evaluator]]:
    """Return a function that creates evaluators of the task chat with two worlds per full experiment."""
    evaluators: list[Evaluator] = []

    def make(*, run_seed: int, in_sandbox: Sandbox = sandbox, fixed_world: bool = False) -> Evaluator:
        evaluators.append(
            Evaluator(
                task_registry.make_task("chat"), in_sandbox, run_seed=run_seed, full_worlds=2, fixed_world=fixed_world
            )
        )
        return evaluators[-1]

    yield make
    for evaluator in reversed(evaluators):
        evaluator.close()


@pytest.fixture(scope="session")
def evaluator(make_evaluator: Callable[..., Evaluator]) -> Evaluator:
    """The evaluator of run seed 7."""
    return make_evaluator(run_seed=7)


@pytest.fixture
def team(tmp_path: Path, evaluator: Evaluator) -> Iterator[TeamDriver]:
    """A team in an empty run; `team["r1"]` drives the session of a researcher."""
    with RunWriter.create(tmp_path / "run.db", run_id="run", version="0.1.0", seed=7, scenario={}) as file:
        yield TeamDriver(file, evaluator)
