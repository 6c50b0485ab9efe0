"""Intervals, differences and power agree with exact results, scipy and statsmodels."""

import re
import warnings
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aarlab.graph.run.measure_registry import MEASURES
from aarlab.statistics import (
    arm_summary,
    band,
    best_so_far,
    between_arms,
    bootstrap_t,
    bootstrap_t_difference,
    compare,
    detectable_difference,
    holm,
    interquartile_mean,
    mean_estimate,
    noise_floor,
    normalised_area,
    power,
    profile,
    sd_interval,
    seeds_needed,
    within_arms,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import statsmodels.api as sm
    from statsmodels.stats.multitest import multipletests
    from statsmodels.stats.power import TTestIndPower, TTestPower

TYPICAL_SD = MEASURES["heldout.pgr"].typical_sd or 0.0
PGR = st.floats(-0.5, 1.2).map(lambda x: round(x, 4))
SAMPLES = st.lists(PGR, min_size=2, max_size=15)


def by_seed(values: "list[float] | np.ndarray") -> dict[int, float]:
    return {seed: float(value) for seed, value in enumerate(values, start=1)}


def normal_values(n: int, seed: int = 0, centre: float = 0.55, sd: float = 0.06) -> "np.ndarray":
    return np.random.default_rng(seed).normal(centre, sd, n)


# -- estimates ---------------------------------------------------------------------------------------------------------


@given(SAMPLES)
@settings(max_examples=25)
def test_point_estimates_equal_numpy_and_scipy(values: list[float]) -> None:
    summary = arm_summary(values)
    assert summary.mean.value == pytest.approx(np.mean(values))
    assert summary.median == pytest.approx(np.median(values))
    assert summary.iqm.value == pytest.approx(stats.trim_mean(values, 0.25))
    assert summary.sd == pytest.approx(np.std(values, ddof=1))


@given(SAMPLES, PGR)
@settings(max_examples=25)
def test_an_interval_contains_the_mean_and_shifts_with_it(values: list[float], shift: float) -> None:
    at, moved = mean_estimate(values), mean_estimate([value + shift for value in values])
    assert at.interval is not None
    low, high = at.interval
    assert low <= at.value <= high
    assert moved.interval == pytest.approx((low + shift, high + shift))


def test_the_interval_of_a_mean_is_students() -> None:
    values = normal_values(7)
    expected = stats.t.interval(0.95, 6, values.mean(), stats.sem(values))
    assert mean_estimate(values).interval == pytest.approx(expected)


def test_the_interval_of_the_interquartile_mean_is_yuens() -> None:
    values = normal_values(11)
    result = interquartile_mean(values)
    # Yuen's test of two samples with the same spread has twice the squared standard error of one sample.
    test = stats.ttest_ind(values, values - 0.1, equal_var=False, trim=0.25)
    half_width = stats.t.ppf(0.975, 11 - 2 * 2 - 1) * 0.1 / test.statistic / 2**0.5
    assert result.interval == pytest.approx((result.value - half_width, result.value + half_width))


def test_intervals_of_a_single_run_and_of_equal_runs() -> None:
    assert arm_summary([0.4]).mean.interval is None
    assert arm_summary([0.4]).sd is None
    assert interquartile_mean([0.4] * 6).interval == pytest.approx((0.4, 0.4))


def test_bootstrap_t_equals_the_enumeration_of_all_resamples() -> None:
    values = np.array([0.1, 0.35, 0.4, 0.62, 0.9])
    resamples = values[np.array(list(product(range(5), repeat=5)))]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.nan_to_num(
            (resamples.mean(axis=1) - values.mean()) / stats.sem(resamples, axis=1), posinf=99, neginf=-99
        )
    low, high = values.mean() - np.quantile(t, [0.975, 0.025]) * stats.sem(values)
    assert bootstrap_t(values) == pytest.approx((low, high), abs=0.05)


def test_bootstrap_t_follows_the_skew_and_is_deterministic() -> None:
    values = np.random.default_rng(3).gamma(1.0, 1.0, 12)
    low, high = bootstrap_t(values) or (0, 0)
    assert high - values.mean() > values.mean() - low
    for n in range(4, 10):
        bootstrap_t(normal_values(n))
    assert bootstrap_t(values) == (low, high)


def test_bootstrap_t_of_many_values_is_students() -> None:
    left, right = normal_values(300, 1), normal_values(200, 2)
    student = stats.ttest_ind(left, right, equal_var=False).confidence_interval(0.95)
    assert bootstrap_t_difference(left, right) == pytest.approx((student.low, student.high), abs=0.001)
    assert bootstrap_t(left[:3]) is None
    assert bootstrap_t(np.array([0.0, 0.0, 0.0, 1.0, 1.0])) is None


# -- differences -------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(PGR, PGR), min_size=2, max_size=12), st.booleans())
@settings(max_examples=200)
def test_an_interval_excludes_zero_exactly_if_p_is_low(pairs: list[tuple[float, float]], paired: bool) -> None:
    left, right = (list(side) for side in zip(*pairs, strict=True))
    first_seed = 1 if paired else 100
    result = compare("a", by_seed(left), "b", {first_seed + i: value for i, value in enumerate(right)})
    assert (result.paired, result.p is not None) == (paired, True)
    low, high = result.mean.interval or (0, 0)
    assert (low > 0 or high < 0) == ((result.p or 0.0) < 0.05)


def test_a_single_pair_has_no_interval_and_no_p_value() -> None:
    result = compare("a", {1: 0.4}, "b", {1: 0.5})
    assert (result.mean.interval, result.p, result.p_exact, result.sd) == (None, None, None, None)
    assert (result.bootstrap_t, result.p_improvement.interval, result.standard_error) == (None, None, None)


def test_arms_with_shared_seeds_are_paired_as_in_scipy() -> None:
    left, right = normal_values(12, 1), normal_values(12, 2)
    result = compare("a", by_seed(left), "b", by_seed(right))
    assert (result.paired, result.n) == (True, 12)
    assert result.mean.value == pytest.approx((left - right).mean())
    assert result.sd == pytest.approx((left - right).std(ddof=1))
    assert result.p == pytest.approx(stats.ttest_rel(left, right).pvalue)
    assert result.pairing is not None
    correlation = stats.pearsonr(left, right)
    assert result.pairing.correlation == pytest.approx(correlation.statistic)
    assert result.pairing.interval == pytest.approx(tuple(correlation.confidence_interval(0.95)))


def test_arms_with_other_seeds_use_welchs_test() -> None:
    left, right = normal_values(12, 1), normal_values(9, 2, sd=0.12)
    result = compare("a", by_seed(left), "b", {100 + seed: value for seed, value in by_seed(right).items()})
    assert (result.paired, result.n, result.pairing) == (False, 9, None)
    assert result.mean.value == pytest.approx(left.mean() - right.mean())
    assert result.p == pytest.approx(stats.ttest_ind(left, right, equal_var=False).pvalue)


def test_incomplete_pairs_are_excluded() -> None:
    left, right = by_seed(normal_values(10, 1)), by_seed(normal_values(10, 2))
    del left[3], right[7]
    result = compare("a", left, "b", right)
    assert (result.paired, result.n) == (True, 8)
    assert result.mean.value == pytest.approx(np.mean([left[seed] - right[seed] for seed in (1, 2, 4, 5, 6, 8, 9, 10)]))


def test_the_probability_of_improvement_is_mann_whitneys() -> None:
    left, right = np.round(normal_values(15, 3), 2), np.round(normal_values(15, 4, centre=0.5), 2)
    result = compare("a", by_seed(left), "b", by_seed(right))
    assert result.p_improvement.value == pytest.approx(stats.mannwhitneyu(left, right).statistic / 15**2)
    unpaired = compare("a", by_seed(left), "b", {100 + seed: value for seed, value in by_seed(right).items()})
    test = stats.brunnermunzel(right, left)
    low, high = unpaired.p_improvement.interval or (0, 0)
    assert (low > 0.5 or high < 0.5) == (test.pvalue < 0.05)
    assert unpaired.p_improvement.value == result.p_improvement.value
    always = compare("a", by_seed(left + 1), "b", by_seed(right))
    assert (always.p_improvement.value, always.p_improvement.interval) == (1.0, None)


@given(st.lists(st.tuples(PGR, PGR), min_size=2, max_size=12))
@settings(max_examples=25)
def test_swapping_arms_negates_the_difference(pairs: list[tuple[float, float]]) -> None:
    left, right = (by_seed(list(side)) for side in zip(*pairs, strict=True))
    one, other = compare("a", left, "b", right), compare("b", right, "a", left)
    assert one.mean.value == pytest.approx(-other.mean.value)
    assert one.p_improvement.value == pytest.approx(1 - other.p_improvement.value)
    assert one.p == pytest.approx(other.p)
    low, high = other.mean.interval or (0, 0)
    assert one.mean.interval == pytest.approx((-high, -low))


def test_differences_without_variation() -> None:
    values = by_seed(normal_values(10))
    same = compare("a", values, "b", values)
    assert (same.mean.value, same.mean.interval, same.p) == (0.0, (0.0, 0.0), 1.0)
    apart = compare("a", dict.fromkeys(range(5), 0.5), "b", dict.fromkeys(range(5), 0.25))
    assert (apart.mean.value, apart.mean.interval, apart.p, apart.pairing) == (0.25, (0.25, 0.25), 0.0, None)


def test_pairing_measures_the_shared_variance() -> None:
    shared, own = normal_values(300, 1, 0, 3), normal_values(600, 2, 0, 1)
    result = compare("a", by_seed(shared + own[:300]), "b", by_seed(shared + own[300:])).pairing
    assert result is not None
    assert result.correlation == pytest.approx(0.9, abs=0.03)
    assert result.variance_ratio == pytest.approx(0.1, abs=0.03)
    pairing = compare("a", by_seed(own[:300]), "b", by_seed(own[300:])).pairing
    assert pairing is not None
    assert pairing.variance_ratio == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_holms_correction_equals_statsmodels(n: int) -> None:
    ps = (np.random.default_rng(n).random(n) ** 3).round(2).tolist()
    assert holm(ps) == pytest.approx(list(multipletests(ps, method="holm")[1]))
    assert holm([None, *ps, None]) == [None, *holm(ps), None]


# -- power -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [2, 3, 5, 10, 20, 60])
@pytest.mark.parametrize("difference", [0.01, 0.05, 0.08])
def test_power_equals_statsmodels(seeds: int, difference: float) -> None:
    paired = TTestPower().power(difference / 0.08, seeds, 0.05, alternative="two-sided")
    assert power(seeds, difference, 0.08) == pytest.approx(paired, abs=1e-6)
    # statsmodels scales the effect by the SD of a run; here, sd is that of a difference between runs.
    unpaired = TTestIndPower().power(difference / 0.08, seeds, 0.05, alternative="two-sided")
    assert power(seeds, difference, 0.08 * 2**0.5, paired=False) == pytest.approx(unpaired, abs=1e-6)


@given(st.integers(2, 200), st.floats(0.001, 1), st.booleans())
@settings(max_examples=40)
def test_detectable_difference_and_seeds_are_inverse(seeds: int, sd: float, paired: bool) -> None:
    difference = detectable_difference(seeds, sd, paired=paired)
    assert power(seeds, difference, sd, paired=paired) == pytest.approx(0.8)
    assert seeds_needed(difference * 1.0001, sd, paired=paired) == seeds


def test_the_seeds_needed_equal_cohens_tables() -> None:
    assert seeds_needed(0.5, 2**0.5, paired=False) == 64  # Cohen (1988): two groups, d = .5
    assert seeds_needed(0.5, 1.0) == 34
    assert seeds_needed(0.05, TYPICAL_SD * 2**0.5, paired=False) == 64
    assert seeds_needed(-0.05, 0.08) == seeds_needed(0.05, 0.08)
    with pytest.raises(ValueError, match="zero cannot be detected"):
        seeds_needed(0, 0.08)


def test_the_table_of_detectable_differences_is_correct() -> None:
    page = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (0\.\d+) \|$", page, re.MULTILINE)
    assert len(rows) == 6
    for seeds, result in rows:
        assert f"{detectable_difference(int(seeds), TYPICAL_SD * 2**0.5, paired=False):.3f}" == result


def test_the_interval_of_an_sd_is_chi_squares() -> None:
    low, high = sd_interval(0.06, 9)
    assert (low, high) == (
        pytest.approx(0.06 * (9 / 16.919) ** 0.5, rel=1e-4),
        pytest.approx(0.06 * (9 / 3.325) ** 0.5, rel=1e-3),
    )


def test_the_noise_floor_is_that_of_two_equal_arms() -> None:
    values = normal_values(400)
    assert noise_floor(values) == pytest.approx(1.966 * values.std(ddof=1) * (2 / 400) ** 0.5, rel=1e-3)
    assert noise_floor([0.4, 0.6]) == pytest.approx(12.706 * 0.2 / 2**0.5, rel=1e-3)
    assert noise_floor([0.5] * 8) == 0.0
    assert noise_floor([0.4]) is None


# -- regression and curves ---------------------------------------------------------------------------------------------


def test_the_regression_between_arms_counts_each_arm_once() -> None:
    arms = {"a": [(0.9, 0.6)] * 30, "b": [(0.5, 0.5)] * 2, "c": [(0.1, 0.1)] * 2, "d": [(0.0, 0.2)]}
    result = between_arms(arms)
    x = np.array([0.9, 0.5, 0.1, 0.0])
    fit = sm.OLS([0.6, 0.5, 0.1, 0.2], sm.add_constant(x)).fit()
    assert result is not None
    assert (result.units, result.slope, result.intercept) == (
        4,
        pytest.approx(fit.params[1]),
        pytest.approx(fit.params[0]),
    )
    assert result.interval == pytest.approx(tuple(fit.conf_int()[1]))
    assert between_arms({"a": [(0.9, 0.6)], "b": [(0.5, 0.5)]}) is None
    assert between_arms({name: [(1.0, 0.5)] for name in "abc"}) is None


def test_the_regression_within_arms_has_an_effect_per_arm() -> None:
    draw = np.random.default_rng(5)
    arms, rows, outcomes = {}, [], []
    for index, name in enumerate("abc"):
        x = draw.normal(index, 0.1, 8)
        y = 5 * index - 0.7 * x + draw.normal(0, 0.05, 8)
        arms[name] = list(zip(x.tolist(), y.tolist(), strict=True))
        rows += [[value, *(float(index == other) for other in range(3))] for value in x]
        outcomes += y.tolist()
    fit, result = sm.OLS(outcomes, np.array(rows)).fit(), within_arms(arms)
    assert result is not None
    assert (result.units, result.slope, result.intercept) == (24, pytest.approx(fit.params[0]), None)
    assert result.interval == pytest.approx(tuple(fit.conf_int()[0]))
    assert within_arms({"a": [(1.0, 0.5), (1.0, 0.6)], "b": [(0.4, 0.1)]}) is None


def test_best_so_far_starts_at_the_weak_teacher() -> None:
    steps = [(2.0, -0.3), (4.0, 0.5), (7.0, 0.4), (8.0, 0.6)]
    assert best_so_far(steps, np.array([0, 1.9, 2, 3.9, 4, 7, 8, 20])) == pytest.approx(
        [0, 0, 0, 0, 0.5, 0.5, 0.6, 0.6]
    )
    assert normalised_area(steps, 10.0) == pytest.approx((4 * 0.5 + 2 * 0.6) / 10)
    assert normalised_area(steps, 6.0) == pytest.approx(2 * 0.5 / 6)
    assert normalised_area([], 10.0) == 0.0


def test_a_band_is_a_pointwise_interval_of_the_mean() -> None:
    curves = np.stack([normal_values(12, seed) for seed in range(9)])
    result = band(np.arange(12.0), curves)
    assert result.mean == pytest.approx(curves.mean(axis=0))
    assert (result.low[4], result.high[4]) == pytest.approx(mean_estimate(curves[:, 4]).interval)
    alone = band(np.arange(12.0), curves[:1])
    assert (alone.low == alone.mean).all()


def test_a_profile_is_the_share_of_runs_above() -> None:
    values = [0.1, 0.2, 0.2, 0.9]
    result = profile(values, np.array([0.0, 0.1, 0.2, 0.5, 0.9]))
    assert result.mean == pytest.approx([1, 0.75, 0.25, 0.25, 0])
    assert all(later <= earlier for earlier, later in pairwise(result.mean))
    wilson = stats.binomtest(1, 4).proportion_ci(0.95, method="wilson")
    assert (result.low[2], result.high[2]) == pytest.approx((wilson.low, wilson.high))
