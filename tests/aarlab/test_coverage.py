"""The coverage of intervals and the power of tests are as stated; see benchmarks/interval_coverage.py."""

import numpy as np
import pytest
from scipy import stats

from aarlab.statistics import compare, detectable_difference, holm, mixed_model, noise_floor, planned_looks

REPEATS = 300


def p_paired(differences: "np.ndarray") -> "np.ndarray":
    """Return the p value of each row of paired differences: test_statistics.py compares that of `compare` with it."""
    return np.asarray(stats.ttest_1samp(differences, 0.0, axis=-1).pvalue)


@pytest.mark.long
@pytest.mark.parametrize(("seeds", "min_coverage"), [(5, 0.92), (20, 0.92)])
def test_intervals_of_identical_arms_contain_zero(seeds: int, min_coverage: float) -> None:
    draw = np.random.default_rng(seeds)
    covered = 0
    for _ in range(REPEATS):
        left, right = ({seed: float(x) for seed, x in enumerate(draw.normal(0.5, 0.06, seeds))} for _ in range(2))
        low, high = compare("a", left, "b", right).mean.interval or (1, 1)
        covered += low <= 0 <= high
    assert min_coverage <= covered / REPEATS <= 0.98


@pytest.mark.long
def test_false_positives_and_power_are_as_predicted() -> None:
    draw, seeds, sd = np.random.default_rng(7), 12, 0.06
    true_difference = detectable_difference(seeds, sd * 2**0.5)
    first, *others = draw.normal(0.5, sd, (800, 6, seeds)).swapaxes(0, 1)
    p = np.stack([p_paired(other - first) for other in others], axis=-1)
    false_positives = [min(value or 0.0 for value in holm(list(row))) < 0.05 for row in p]
    detected = p_paired(others[0] + true_difference - first) < 0.05
    assert np.mean(false_positives) <= 0.07
    assert np.mean(detected) == pytest.approx(0.8, abs=0.04)


@pytest.mark.long
@pytest.mark.parametrize("n", [4, 8])
def test_equal_arms_differ_by_more_than_the_floor_in_5_percent(n: int) -> None:
    arms = np.random.default_rng(n).normal(0.5, 0.06, (2000, 2, n))
    above = [abs(left.mean() - right.mean()) > (noise_floor(left) or 0.0) for left, right in arms]
    assert np.mean(above) == pytest.approx(0.05, abs=0.015)


@pytest.mark.long
def test_the_mixed_model_covers_zero_if_seeds_act_on_arms() -> None:
    draw, covered = np.random.default_rng(3), 0
    for _ in range(REPEATS):
        of_seed = draw.normal(0, 0.06, (2, 6))
        scores = {
            (arm, task, seed): float(of_seed[i, seed] + draw.normal(0, sd))
            for i, arm in enumerate("ab") for task, sd in (("chat", 0.06), ("math", 0.11)) for seed in range(6)
        }  # fmt: skip
        effects = mixed_model(scores, "a", "b")
        assert effects is not None
        low, high = effects.mean.interval or (1, 1)
        covered += low <= 0 <= high
    assert covered / REPEATS == pytest.approx(0.95, abs=0.035)


@pytest.mark.long
def test_t_tests_at_planned_looks_have_5_percent_of_errors() -> None:
    looks, draw = planned_looks([5, 10, 20]), np.random.default_rng(5)
    differences = draw.normal(0, 0.08, (1500, 20))
    errors = np.any([p_paired(differences[:, : look.seeds]) < look.level for look in looks], axis=0)
    assert np.mean(errors) == pytest.approx(0.053, abs=0.018)
