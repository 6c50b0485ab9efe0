"""Intervals contain what they should about as often as they say; the figures are those of benchmarks/interval_coverage.py."""

import numpy as np
import pytest

from aarlab.statistics import compare, detectable_difference, holm
from aarlab.statistics.differences import p_paired

REPEATS = 300


@pytest.mark.long
@pytest.mark.parametrize(("seeds", "least"), [(5, 0.86), (20, 0.92)])
def test_intervals_of_arms_that_are_the_same_contain_zero_about_as_often_as_they_say(seeds: int, least: float) -> None:
    draw = np.random.default_rng(seeds)
    seen = 0
    for _ in range(REPEATS):
        left, right = ({seed: float(x) for seed, x in enumerate(draw.normal(0.5, 0.06, seeds))} for _ in range(2))
        low, high = compare("a", left, "b", right).mean.interval or (1, 1)
        seen += low <= 0 <= high
    assert least <= seen / REPEATS <= 0.98


@pytest.mark.long
def test_among_arms_that_are_the_same_a_difference_is_seldom_called_and_a_planted_one_is_found_as_predicted() -> None:
    draw, seeds, spread = np.random.default_rng(7), 12, 0.06
    true_difference = detectable_difference(seeds, spread * 2**0.5)
    called = found = 0
    for _ in range(800):
        first, *others = draw.normal(0.5, spread, (6, seeds))
        called += min(p or 0.0 for p in holm([p_paired(other - first) for other in others])) < 0.05
        found += (p_paired(others[0] + true_difference - first) or 0.0) < 0.05
    assert called / 800 <= 0.07
    assert found / 800 == pytest.approx(0.8, abs=0.04)
