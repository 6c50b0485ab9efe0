"""Methods side by side: the same worlds for all, the same figures every time, and no method's failure is another's."""

from collections.abc import Iterator
from typing import ClassVar

import pytest

from aarlab.scenarios import baselines, task_registry
from aarlab.scenarios.task import FULL, Progress, TaskParameters, World, WorldSize
from aarlab.tools.evaluator.method_comparison import MethodComparison, MethodResult, NoWorldsError, compare_methods
from aarlab.tools.evaluator.results import MeanWithSE
from aarlab.tools.sandbox import Sandbox

METHODS = {
    "vanilla": baselines.load()["vanilla_soft"].code,
    "always one": "def method(world): return [1.0] * len(world.test_features)",
    "broken": "def method(world): raise KeyError('lost')",
    "short": "def method(world): return [0.5]",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


@pytest.fixture(scope="module")
def told() -> list[float]:
    """The shares that were told while `compared` came about."""
    return []


@pytest.fixture(scope="module")
def compared(sandbox: Sandbox, told: list[float]) -> MethodComparison:
    return compare_methods(
        task_registry.make_task("chat"), METHODS, sandbox, worlds=3, progress=lambda _, share: told.append(share)
    )


def standing(comparison: MethodComparison, method: str) -> MethodResult:
    found = comparison.results[method]
    assert isinstance(found, MethodResult), found
    return found


def test_a_mean_comes_with_the_standard_error_over_worlds() -> None:
    assert MeanWithSE.of([1.0, 3.0]) == MeanWithSE(2.0, 1.0)
    assert MeanWithSE.of([5.0, 5.0, 5.0]) == MeanWithSE(5.0, 0.0)


def test_training_on_the_teacher_beats_answering_always_the_same(compared: MethodComparison) -> None:
    assert compared.worlds == 3
    assert compared.weak_acc.mean < standing(compared, "vanilla").transfer_acc < compared.strong_acc.mean
    assert standing(compared, "always one").pgr.mean < 0 < standing(compared, "vanilla").pgr.mean
    assert standing(compared, "vanilla").ms > 0


def test_a_method_that_fails_has_its_error_and_spoils_nobody_elses_figures(compared: MethodComparison) -> None:
    assert "KeyError" in str(compared.results["broken"])
    assert "must have shape (1500,)" in str(compared.results["short"])


def test_every_run_is_told_of(compared: MethodComparison, told: list[float]) -> None:
    assert sorted(told) == pytest.approx([(i + 1) / 12 for i in range(12)])


def test_the_worlds_are_the_same_whoever_is_compared(sandbox: Sandbox, compared: MethodComparison) -> None:
    alone = compare_methods(task_registry.make_task("chat"), {"vanilla": METHODS["vanilla"]}, sandbox, worlds=3)
    assert (alone.weak_acc, alone.strong_acc) == (compared.weak_acc, compared.strong_acc)
    assert standing(alone, "vanilla").pgr == standing(compared, "vanilla").pgr


class Barren:
    """A task that has no world to offer."""

    name: ClassVar[str] = "barren"
    about: ClassVar[str] = "An item is nothing."
    parameters: TaskParameters = {}  # noqa: RUF012

    def prepare(self, progress: Progress | None = None) -> None:
        """Nothing has to be prepared."""

    def world(self, seed: int, *, size: WorldSize = FULL, shifted: bool = False) -> World:
        raise ValueError("nothing grows here")


def test_a_task_without_worlds_says_so(sandbox: Sandbox) -> None:
    with pytest.raises(NoWorldsError, match="nothing grows here"):
        compare_methods(Barren(), METHODS, sandbox, worlds=2)
