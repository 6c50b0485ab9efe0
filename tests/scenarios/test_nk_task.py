"""Tests of the task nk: one landscape per run, exact payoffs, methods that set bits."""

import numpy as np
import pytest

from aarlab.scenarios import toolkit
from aarlab.scenarios.search_problems.nk import bits_of
from aarlab.scenarios.task_registry import InvalidTaskParameter, make_task
from aarlab.scenarios.tasks.nk import NK
from aarlab.scenarios.toolkit.inputs import Inputs

TASK = NK(n=8, k=3)


def run_bits(inputs: Inputs, bits: np.ndarray) -> np.ndarray:
    """Return what a method with these bits returns."""
    settings = {f"bit_{i + 1}": bool(bit) for i, bit in enumerate(bits)}
    return toolkit.finish(toolkit.set_bits(toolkit.start(inputs), **settings))


def test_every_string_gets_its_payoff() -> None:
    world = TASK.world(3)
    for code in range(2**TASK.n):
        score = world.score(run_bits(world.inputs, bits_of(np.asarray(code), TASK.n)))
        assert score.transfer_acc == world.payoffs[code]
        expected = (world.payoffs[code] - world.weak_acc) / (world.strong_acc - world.weak_acc)
        assert score.pgr == pytest.approx(expected)


def test_start_string_scores_0_and_best_string_scores_1() -> None:
    world = TASK.world(3)
    assert world.score(toolkit.finish(toolkit.start(world.inputs))).pgr == 0
    assert world.score(run_bits(world.inputs, bits_of(np.asarray(world.payoffs.argmax()), TASK.n))).pgr == 1
    assert world.weak_acc == np.sort(world.payoffs)[len(world.payoffs) // 2]


def test_a_seed_has_one_landscape_and_seeds_differ() -> None:
    world = TASK.world(3)
    for split in ("heldout", "shifted"):
        assert np.array_equal(TASK.world(3, split=split).payoffs, world.payoffs)
    assert not np.array_equal(TASK.world(4).payoffs, world.payoffs)
    assert TASK.world(2**128 - 1).strong_acc == 1.0


def test_catalogue_has_one_flag_per_bit() -> None:
    (entry,) = TASK.catalogue()
    assert list(entry["settings"]) == [f"bit_{i}" for i in range(1, 9)]
    assert {setting["kind"] for setting in entry["settings"].values()} == {"flag"}
    assert "set_bits" not in {operator["name"] for operator in toolkit.catalogue()}


def test_k_must_be_below_n() -> None:
    with pytest.raises(InvalidTaskParameter, match="at most 3 others"):
        make_task("nk", {"n": 4, "k": 4})


def test_set_bits_refuses_larger_worlds() -> None:
    world = make_task("digits").world(1)
    with pytest.raises(ValueError, match="at most 20 bits"):
        toolkit.set_bits(toolkit.start(world.inputs), bit_1=True)
