"""PGR, scores and world sizes."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aarlab.scenarios.task import FULL, PILOT, SMOKE, Inputs, World, WorldSize, pgr

accuracies = st.floats(0, 1)


def small_world(labels: list[int]) -> World:
    m = len(labels)
    inputs = Inputs(np.zeros((40, 2)), np.full(40, 0.5), np.zeros((m, 2)), np.empty((0, 3), dtype=np.int64), seed=1)
    return World(
        "toy", inputs, 0.5, 0.9, _test_labels=np.array(labels), _unlabelled_labels=np.zeros(40, dtype=np.int64)
    )


def test_pgr_is_zero_at_weak_acc_and_one_at_strong_acc() -> None:
    assert pgr(0.6, weak_acc=0.6, strong_acc=0.9) == 0
    assert pgr(0.9, weak_acc=0.6, strong_acc=0.9) == 1


@given(accuracies, accuracies, accuracies, st.floats(0.1, 10), st.floats(-5, 5))
def test_pgr_is_invariant_to_affine_scaling(
    transfer: float, weak: float, strong: float, factor: float, shift: float
) -> None:
    assume(strong - weak > 0.01)
    scaled = pgr(*(factor * accuracy + shift for accuracy in (transfer, weak, strong)))
    assert scaled == pytest.approx(pgr(transfer, weak, strong), abs=1e-6, rel=1e-6)


@pytest.mark.parametrize("strong", [0.6, 0.5, float("nan")])
def test_pgr_without_a_gap_raises(strong: float) -> None:
    with pytest.raises(ValueError, match="no gap to recover"):
        pgr(0.7, 0.6, strong)


def test_score_thresholds_at_one_half() -> None:
    score = small_world([1, 0, 1, 0]).score([0.51, 0.5, 1.0, 0.9])
    assert score.transfer_acc == 0.75
    assert score.pgr == pytest.approx((0.75 - 0.5) / 0.4)


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([0.1, 0.2, 0.3], r"shape \(4,\).*got \(3,\)"),
        ([[0.1, 0.2, 0.3, 0.4]], r"shape \(4,\)"),
        (0.5, r"shape \(4,\)"),
        ([0.1, 0.2, float("nan"), 0.4], "at 2, nan"),
        ([0.1, 0.2, 0.3, float("inf")], "at 3, inf"),
        ([0.1, -0.2, 0.3, 1.4], "2 are not: at 1, -0.2"),
        (["a", "b", "c", "d"], "must be numbers"),
        ([None, None, None, None], "must be numbers"),
        ([0.1j, 0, 0, 0], "must be numbers"),
        ([[0.1], [0.1, 0.2], 0.3, 0.4], "one number per test item"),
    ],
)
def test_invalid_predictions_raise_with_a_reason(predictions: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small_world([1, 0, 1, 0]).score(predictions)  # type: ignore[arg-type]


def test_integer_and_boolean_predictions_are_scored() -> None:
    world = small_world([1, 0, 1, 0])
    assert world.score(np.array([1, 0, 1, 0])).transfer_acc == 1
    assert world.score(np.array([True, False, True, True])).transfer_acc == 0.75


def test_world_sizes_are_ordered() -> None:
    assert SMOKE.test < PILOT.test < FULL.test
    assert FULL.unlabelled is None


def test_world_size_has_a_minimum() -> None:
    with pytest.raises(ValueError, match="20 test and 40 unlabelled"):
        WorldSize(unlabelled=10, test=100)
