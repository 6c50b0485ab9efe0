"""Reference scores of the built-in tasks: both accuracies, and the PGR of two baselines."""

import numpy as np
import pytest

from aarlab.scenarios.baselines import load
from aarlab.scenarios.task import World
from aarlab.scenarios.task_registry import SUPERVISION_TASKS, make_task

SEEDS = range(100, 120)


@pytest.fixture(scope="module", params=list(SUPERVISION_TASKS))
def worlds(request: pytest.FixtureRequest) -> list[World]:
    return [make_task(request.param).world(seed) for seed in SEEDS]


def mean_pgr(baseline: str, worlds: list[World]) -> float:
    namespace: dict[str, object] = {}
    exec(load()[baseline].code, namespace)
    scores = [world.score(namespace["method"](world.inputs)) for world in worlds]  # type: ignore[operator]
    return float(np.mean([score.pgr for score in scores]))


EXPECTED = {
    "chat": {"weak": 0.600, "strong": 0.820, "vanilla_soft": 0.17, "progressive_self_training": 0.13},
    "math": {"weak": 0.589, "strong": 0.878, "vanilla_soft": 0.07, "progressive_self_training": -0.31},
    "code": {"weak": 0.565, "strong": 0.829, "vanilla_soft": 0.12, "progressive_self_training": -0.23},
    "digits": {"weak": 0.659, "strong": 0.875, "vanilla_soft": 0.04, "progressive_self_training": -0.59},
    "headlines": {"weak": 0.622, "strong": 0.778, "vanilla_soft": 0.19, "progressive_self_training": 0.20},
    "spam": {"weak": 0.655, "strong": 0.870, "vanilla_soft": 0.13, "progressive_self_training": 0.43},
}
"""Recorded means over many worlds."""


@pytest.mark.long
def test_weak_and_strong_acc_match_reference(worlds: list[World]) -> None:
    expected = EXPECTED[worlds[0].task]
    assert np.mean([world.weak_acc for world in worlds]) == pytest.approx(expected["weak"], abs=0.02)
    assert np.mean([world.strong_acc for world in worlds]) == pytest.approx(expected["strong"], abs=0.01)


@pytest.mark.long
def test_baseline_pgr_matches_reference(worlds: list[World]) -> None:
    expected = EXPECTED[worlds[0].task]
    assert mean_pgr("vanilla_soft", worlds) == pytest.approx(expected["vanilla_soft"], abs=0.08)
    progressive = mean_pgr("progressive_self_training", worlds)
    assert progressive == pytest.approx(expected["progressive_self_training"], abs=0.25)


@pytest.mark.long
def test_vanilla_student_solves_no_task(worlds: list[World]) -> None:
    assert mean_pgr("vanilla_hard", worlds) < 0.35
