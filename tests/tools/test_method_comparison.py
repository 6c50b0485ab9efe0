"""Comparison of methods: the same worlds for all, reproducible scores, independent failures."""

from collections.abc import Iterator
from typing import ClassVar

import pytest

from aarlab.scenarios import baselines, task_registry
from aarlab.scenarios.task import FULL, Progress, Split, TaskParameters, World, WorldSize
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
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def progress_shares() -> list[float]:
    """Shares reported during the comparison."""
    return []


@pytest.fixture(scope="module")
def compared(sandbox: Sandbox, progress_shares: list[float]) -> MethodComparison:
    return compare_methods(
        task_registry.make_task("chat"),
        METHODS,
        sandbox,
        worlds=3,
        progress=lambda _, share: progress_shares.append(share),
    )


def result_of(comparison: MethodComparison, method: str) -> MethodResult:
    result = comparison.results[method]
    assert isinstance(result, MethodResult), result
    return result


def test_a_mean_has_the_standard_error_over_worlds() -> None:
    assert MeanWithSE.of([1.0, 3.0]) == MeanWithSE(2.0, 1.0)
    assert MeanWithSE.of([5.0, 5.0, 5.0]) == MeanWithSE(5.0, 0.0)


def test_training_on_the_teacher_beats_a_constant_answer(compared: MethodComparison) -> None:
    assert compared.worlds == 3
    assert compared.weak_acc.mean < result_of(compared, "vanilla").transfer_acc < compared.strong_acc.mean
    assert result_of(compared, "always one").pgr.mean < 0 < result_of(compared, "vanilla").pgr.mean
    assert result_of(compared, "vanilla").ms > 0


def test_a_failing_method_has_its_error_and_affects_no_other(compared: MethodComparison) -> None:
    assert "KeyError" in str(compared.results["broken"])
    assert "must have shape (1500,)" in str(compared.results["short"])


def test_progress_is_reported_for_every_run(compared: MethodComparison, progress_shares: list[float]) -> None:
    assert sorted(progress_shares) == pytest.approx([(i + 1) / 12 for i in range(12)])


def test_the_worlds_do_not_depend_on_the_methods(sandbox: Sandbox, compared: MethodComparison) -> None:
    alone = compare_methods(task_registry.make_task("chat"), {"vanilla": METHODS["vanilla"]}, sandbox, worlds=3)
    assert (alone.weak_acc, alone.strong_acc) == (compared.weak_acc, compared.strong_acc)
    assert result_of(alone, "vanilla").pgr == result_of(compared, "vanilla").pgr


class EmptyTask:
    """A task that cannot make a world."""

    name: ClassVar[str] = "empty"
    about: ClassVar[str] = "No items."
    parameters: TaskParameters = {}  # noqa: RUF012

    def prepare(self, progress: Progress | None = None) -> None:
        """Do nothing."""

    def world(self, seed: int, *, size: WorldSize = FULL, split: Split = "development") -> World:
        raise ValueError("no worlds")


def test_a_task_without_worlds_raises_its_reason(sandbox: Sandbox) -> None:
    with pytest.raises(NoWorldsError, match="no worlds"):
        compare_methods(EmptyTask(), METHODS, sandbox, worlds=2)
