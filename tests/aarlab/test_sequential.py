"""Group-sequential looks spend 5 % in total and agree with published boundaries."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aarlab.statistics import nominal_levels, planned_looks, sequential_p

LOOKS = st.lists(st.integers(2, 200), min_size=1, max_size=5, unique=True).map(sorted)


def test_boundaries_equal_the_published_ones() -> None:
    # Reboussin et al. (2000), Computations for group sequential boundaries: five equal looks, two-sided 5 %.
    boundaries = [stats.norm.isf(look.level / 2) for look in planned_looks([8, 16, 24, 32, 40])]
    assert boundaries == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-4)


def test_a_single_look_has_the_ordinary_level() -> None:
    (look,) = planned_looks([20])
    assert (look.number, look.of, look.seeds) == (1, 1, 20)
    assert (look.level, look.spent) == (pytest.approx(0.05), pytest.approx(0.05))
    assert sequential_p(0.031, [20], 1) == pytest.approx(0.031, rel=1e-4)


@given(LOOKS)
@settings(max_examples=40)
def test_the_looks_spend_5_percent_in_total(seeds: list[int]) -> None:
    looks = planned_looks(seeds)
    assert looks[-1].spent == pytest.approx(0.05)
    assert all(earlier.spent < later.spent for earlier, later in pairwise(looks))
    assert all(look.level <= look.spent + 1e-9 for look in looks)
    assert sum(look.level for look in looks) >= 0.05 - 1e-6, "the levels of single looks overlap"


def test_true_null_hypotheses_are_rejected_in_5_percent() -> None:
    seeds = [10, 20, 40]
    steps = np.random.default_rng(1).normal(size=(200_000, 40)).cumsum(axis=1)
    rejected = np.zeros(len(steps), dtype=bool)
    for look in planned_looks(seeds):
        rejected |= np.abs(steps[:, look.seeds - 1]) / look.seeds**0.5 > stats.norm.isf(look.level / 2)
    assert rejected.mean() == pytest.approx(0.05, abs=0.0015)


@given(LOOKS, st.floats(1e-6, 0.9), st.data())
@settings(max_examples=25)
def test_a_sequential_p_is_low_exactly_below_the_level(seeds: list[int], p: float, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, len(seeds)))
    level = nominal_levels(tuple(seeds), 0.05)[number - 1]
    adjusted = sequential_p(p, seeds, number)
    assert adjusted is not None
    assert adjusted >= p * (1 - 1e-4)
    if abs(p - level) > 1e-4 * level:
        assert (adjusted < 0.05) == (p < level)


def test_missing_and_extreme_p_values_stay() -> None:
    assert [sequential_p(p, [10, 20], 1) for p in (None, 0.0, 1.0)] == [None, 0.0, 1.0]
