"""The strong student's readouts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from aarlab.scenarios import toolkit as tk
from aarlab.scenarios.toolkit.student import Readout


def soft_problem(seed: int, n: int = 80, d: int = 4) -> tuple[tk.FloatArray, tk.FloatArray, tk.FloatArray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, d))
    return features, expit(features[:, 0] + rng.normal(size=n)), rng.random(n)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(1e-3, 1))
def test_fit_has_zero_gradient(seed: int, l2: float) -> None:
    features, targets, weights = soft_problem(seed)
    student = tk.fit(features, targets, weights, l2=l2)
    residual = weights / weights.sum() * (student.predict(features) - targets)
    assert np.abs(features.T @ residual + l2 * student.coefficients).max() < 1e-4
    assert abs(residual.sum()) < 1e-4


def test_warm_start_reaches_the_same_optimum() -> None:
    features, targets, weights = soft_problem(1)
    cold = tk.fit(features, targets, weights, l2=0.01)
    warm = tk.fit(features, targets, weights, l2=0.01, start=tk.Student(np.full(4, 2.0), -1.0))
    assert cold.coefficients == pytest.approx(warm.coefficients, abs=1e-4)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(1e-3, 1))
def test_soft_targets_equal_weighted_duplicates(seed: int, l2: float) -> None:
    features, targets, weights = soft_problem(seed)
    student = tk.fit(features, targets, weights, l2=l2)
    shares = np.concatenate([weights * targets, weights * (1 - targets)]) / weights.sum()
    reference = LogisticRegression(C=1 / l2, solver="newton-cholesky", tol=1e-9)
    reference.fit(np.concatenate([features, features]), np.repeat([1, 0], len(features)), sample_weight=shares)
    assert student.coefficients == pytest.approx(reference.coef_[0], abs=1e-4)
    assert student.intercept == pytest.approx(reference.intercept_[0], abs=1e-4)


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.floats(0.1, 50))
def test_fit_is_invariant_to_weight_scale(seed: int, factor: float) -> None:
    features, targets, weights = soft_problem(seed)
    one, other = (tk.fit(features, targets, w, l2=0.1) for w in (weights, factor * weights))
    assert one.coefficients == pytest.approx(other.coefficients, abs=1e-6)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_single_class_gives_a_constant(level: float) -> None:
    student = tk.fit(np.random.default_rng(0).normal(size=(20, 2)), np.full(20, level))
    assert (student.coefficients == 0).all()
    assert abs(student.predict(np.zeros((1, 2)))[0] - level) < 0.01


def test_fit_without_items_predicts_one_half() -> None:
    assert tk.fit(np.zeros((0, 2)), np.zeros(0)).predict(np.zeros((1, 2)))[0] == 0.5


def test_separable_classes_give_finite_coefficients() -> None:
    features = np.linspace(-1, 1, 40)[:, None]
    student = tk.fit(features, (features[:, 0] > 0).astype(np.float64), l2=1e-6)
    assert np.isfinite(student.coefficients).all()
    assert ((student.predict(features) > 0.5) == (features[:, 0] > 0)).all()


@pytest.mark.parametrize("readout", ["logistic", "difference_of_means", "shrunk_lda"])
def test_every_readout_separates_shifted_means(readout: Readout) -> None:
    rng = np.random.default_rng(3)
    labels = (np.arange(200) % 2).astype(np.float64)
    features = rng.normal(size=(200, 5)) + 2 * labels[:, None]
    student = tk.fit_readout(features, labels, np.ones(200), readout=readout, l2=1e-2)
    assert np.mean((student.predict(features) > 0.5) == (labels > 0.5)) > 0.95


def test_out_of_fold_predictions_do_not_leak_targets() -> None:
    rng = np.random.default_rng(4)
    features, targets = rng.normal(size=(60, 50)), rng.integers(0, 2, 60).astype(np.float64)
    inside = tk.fit(features, targets, l2=1e-3).predict(features)
    outside = tk.out_of_fold(features, targets, rng=rng, l2=1e-3)
    assert np.mean((inside > 0.5) == (targets > 0.5)) > 0.9
    assert np.mean((outside > 0.5) == (targets > 0.5)) < 0.75
