"""Equivalence tests and exact tests agree with statsmodels and with enumeration."""

import itertools
import statistics
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aarlab.statistics import (
    compare,
    equivalence,
    equivalence_power,
    permutation_p,
    seeds_for_equivalence,
    sign_flip_p,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from statsmodels.stats.weightstats import ttost_ind, ttost_paired

PGR = st.floats(-0.5, 1.2).map(lambda x: round(x, 3))


def by_seed(values: "list[float] | np.ndarray", first: int = 1) -> dict[int, float]:
    return {first + i: float(value) for i, value in enumerate(values)}


@pytest.mark.parametrize("paired", [True, False])
def test_equivalence_equals_statsmodels(paired: bool) -> None:
    draw = np.random.default_rng(2)
    left, right = draw.normal(0.5, 0.06, 14), draw.normal(0.51, 0.06, 14)
    found = equivalence(compare("a", by_seed(left), "b", by_seed(right, 1 if paired else 100)), 0.05)
    assert found is not None
    test = ttost_paired(left, right, -0.05, 0.05) if paired else ttost_ind(left, right, -0.05, 0.05, usevar="unequal")
    assert found.p == pytest.approx(test[0])


@given(st.lists(st.tuples(PGR, PGR), min_size=2, max_size=12), st.floats(0.01, 0.5))
@settings(max_examples=100)
def test_equivalence_is_shown_if_the_interval_is_inside(pairs: list[tuple[float, float]], margin: float) -> None:
    left, right = (by_seed(list(side)) for side in zip(*pairs, strict=True))
    found = equivalence(compare("a", left, "b", right), margin)
    assert found is not None
    low, high = found.interval
    assert found.shown == (-margin < low and high < margin)


def test_equivalence_needs_an_interval_and_a_margin() -> None:
    assert equivalence(compare("a", {1: 0.5}, "b", {1: 0.5}), 0.05) is None
    same = equivalence(compare("a", {1: 0.5, 2: 0.6}, "b", {1: 0.5, 2: 0.6}), 0.05)
    assert same is not None
    assert same.shown
    with pytest.raises(ValueError, match="not above 0"):
        equivalence(compare("a", {1: 0.5, 2: 0.6}, "b", {1: 0.5, 2: 0.7}), 0.0)


@pytest.mark.parametrize(("n", "margin"), [(8, 0.1), (12, 0.08), (30, 0.05)])
def test_the_power_of_equivalence_equals_a_simulation(n: int, margin: float) -> None:
    differences = np.random.default_rng(n).normal(0, 0.1, (20_000, n))
    half_width = stats.t.ppf(0.95, n - 1) * differences.std(axis=1, ddof=1) / n**0.5
    shown = np.abs(differences.mean(axis=1)) + half_width < margin
    assert equivalence_power(n, margin, 0.1) == pytest.approx(shown.mean(), abs=0.012)


def test_the_seeds_for_equivalence_have_the_power() -> None:
    seeds = seeds_for_equivalence(0.05, 0.1)
    assert equivalence_power(seeds, 0.05, 0.1) >= 0.8 > equivalence_power(seeds - 1, 0.05, 0.1)
    assert seeds_for_equivalence(-0.05, 0.1) == seeds
    with pytest.raises(ValueError, match="margin of zero"):
        seeds_for_equivalence(0.0, 0.1)


@given(st.lists(PGR, min_size=2, max_size=8))
@settings(max_examples=50)
def test_sign_flip_p_equals_the_enumeration(differences: list[float]) -> None:
    observed = abs(statistics.fmean(differences))
    patterns = list(itertools.product((-1, 1), repeat=len(differences)))
    flipped = [abs(statistics.fmean(s * d for s, d in zip(pattern, differences, strict=True))) for pattern in patterns]
    expected = sum(value >= observed - 1e-12 for value in flipped) / len(patterns)
    assert sign_flip_p(np.array(differences)) == pytest.approx(expected)


def test_permutation_p_equals_scipys_exact_test() -> None:
    draw = np.random.default_rng(4)
    left, right = draw.normal(0.5, 0.1, 6), draw.normal(0.6, 0.1, 5)
    expected = stats.permutation_test(
        (left, right), lambda x, y: abs(np.mean(x) - np.mean(y)), alternative="greater", n_resamples=np.inf
    )
    assert permutation_p(left, right) == pytest.approx(expected.pvalue)
    assert permutation_p(draw.normal(size=30), draw.normal(size=6)) is None
    assert permutation_p(left[:1], right) is None


def test_exact_p_values_stand_beside_few_pairs_only() -> None:
    few, many = (by_seed(list(np.linspace(0.1, 0.4, n))) for n in (5, 8))
    assert compare("a", few, "b", dict.fromkeys(few, 0.0)).p_exact == 2 / 2**5
    assert compare("a", many, "b", dict.fromkeys(many, 0.0)).p_exact is None
