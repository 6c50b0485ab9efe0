"""The strong student: a linear readout of its features, fitted to soft, weighted targets."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack
from scipy.special import expit

from aarlab.scenarios.toolkit.inputs import FloatArray

Float32Array = npt.NDArray[np.float32]

Readout = Literal["logistic", "difference_of_means", "shrunk_lda"]

_SINGLE_CLASS_MARGIN = 1e-6
"""A mean target closer than this to 0 or 1 counts as a single class."""
_INTERCEPT_L2 = 1e-6
"""Penalty of the intercept: negligible, but enough to keep the problem strictly convex."""
_MAX_STEPS, _MAX_HALVINGS, _TOLERANCE = 30, 12, 1e-4
"""Maximum number of Newton steps, maximum number of halvings of each, and length of the last step.

Near the optimum the error after a step is about the square of the step."""


@dataclass(frozen=True, slots=True, eq=False)
class Student:
    """A fitted readout: probability of label 1 = sigmoid(features @ coefficients + intercept)."""

    coefficients: FloatArray
    """(d,)"""
    intercept: float

    def logits(self, features: FloatArray) -> FloatArray:
        """Return the (n,) log odds of label 1 for (n, d) features."""
        return np.asarray(features @ self.coefficients + self.intercept, dtype=np.float64)

    def predict(self, features: FloatArray) -> FloatArray:
        """Return the (n,) probabilities of label 1 for (n, d) features."""
        return np.asarray(expit(self.logits(features)), dtype=np.float64)


def fit(
    features: FloatArray,
    targets: FloatArray,
    weights: FloatArray | None = None,
    *,
    l2: float = 1e-3,
    start: Student | None = None,
) -> Student:
    """Return logistic regression fitted to soft targets.

    Minimises sum_i w_i CE(targets_i, sigmoid(x_i b + c)) + l2/2 |b|^2, with the weights normalised to sum to one. A
    soft target p counts as an item of class 1 with weight w p and one of class 0 with weight w (1 - p).

    Args:
        features: (n, d).
        targets: (n,) in [0, 1].
        weights: (n,) non-negative; None: equal weights.
        l2: Strength of the penalty, above zero.
        start: A student of the same width as initial point (warm start); the optimum does not depend on it.

    If only one class has weight, or no item has, the student predicts a constant.
    """
    n, d = features.shape
    weights = np.ones(n) if weights is None else weights
    total = float(weights.sum())
    mean = float(weights @ targets) / total if total > 0 else 0.5
    if total <= 0 or not _SINGLE_CLASS_MARGIN < mean < 1 - _SINGLE_CLASS_MARGIN:
        return Student(np.zeros(d), float(np.log(np.clip(mean, 1e-3, 1 - 1e-3) / np.clip(1 - mean, 1e-3, 1))))
    design = np.empty((n, d + 1))
    design[:, :d], design[:, d] = features, 1.0
    solution = np.zeros(d + 1) if start is None else np.append(start.coefficients, start.intercept)
    solution = _newton(design, targets, weights / total, np.append(np.full(d, l2), _INTERCEPT_L2), solution)
    return Student(solution[:d], float(solution[d]))


def _newton(
    design: FloatArray, targets: FloatArray, weights: FloatArray, l2: FloatArray, point: FloatArray
) -> FloatArray:
    """Return the minimum of the penalised cross-entropy by Newton's method, from the (d,) point `point`.

    scikit-learn accepts no soft targets. With doubled rows it finds the same optimum (a test compares them) but takes
    three times as long, and most of the time of a run is spent here.
    """

    def loss(theta: FloatArray, logits: FloatArray) -> float:
        # The cross-entropy with logits; np.logaddexp(0, logits) takes three times as long.
        softplus = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits)))
        return float(weights @ (softplus - targets * logits) + l2 @ theta**2 / 2)

    with np.errstate(over="ignore"):
        single_precision = design.astype(np.float32)
    logits = design @ point
    current_loss = loss(point, logits)
    for _ in range(_MAX_STEPS):
        predicted = expit(logits)
        gradient = design.T @ (weights * (predicted - targets)) + l2 * point
        curvature = weights * np.maximum(predicted * (1 - predicted), 1e-4)
        step = _newton_step(design, single_precision, curvature, l2, gradient)
        last = np.abs(step).max() < _TOLERANCE
        # Far from the optimum, as after a warm start, a full step can overshoot: halve it until the loss falls.
        for _ in range(_MAX_HALVINGS):
            candidate = point - step
            logits = design @ candidate
            candidate_loss = loss(candidate, logits)
            if candidate_loss <= current_loss:
                break
            step = step / 2
        point, current_loss = candidate, candidate_loss
        if last:
            break
    return point


def _newton_step(
    design: FloatArray, single_precision: Float32Array, curvature: FloatArray, l2: FloatArray, gradient: FloatArray
) -> FloatArray:
    """Return the solution of Hessian @ step = gradient, from the design in double and single precision.

    In single precision, the Hessian takes half the time. The gradient decides where the optimum is, so this precision
    suffices unless numbers are too large for it or columns too similar. Double precision is used then.
    """
    roots = np.sqrt(curvature)[:, None]
    for single in (True, False):
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = single_precision * roots.astype(np.float32) if single else design * roots
            hessian = (scaled.T @ scaled).astype(np.float64)  # numpy recognises the symmetry, which halves the time
        hessian.flat[:: len(l2) + 1] += l2
        _, step, failed = lapack.dposv(hessian, gradient)
        if not failed and np.isfinite(step).all():
            return np.asarray(step, dtype=np.float64)
    return np.asarray(np.linalg.solve(hessian, gradient), dtype=np.float64)


def out_of_fold(
    features: FloatArray,
    targets: FloatArray,
    weights: FloatArray | None = None,
    *,
    rng: np.random.Generator,
    folds: int = 5,
    l2: float = 1e-2,
) -> FloatArray:
    """Return the (n,) predictions of each item by a student that was fitted without the item's fold."""
    n = len(features)
    fold = rng.permutation(n) % folds
    predictions = np.empty(n)
    for k in range(folds):
        inside = fold == k
        kept = None if weights is None else weights[~inside]
        predictions[inside] = fit(features[~inside], targets[~inside], kept, l2=l2).predict(features[inside])
    return predictions


def fit_readout(
    features: FloatArray, targets: FloatArray, weights: FloatArray, *, readout: Readout, l2: float
) -> Student:
    """Return the student's final readout.

    `logistic` is `fit`. `difference_of_means` points from the weighted mean of class 0 to that of class 1 (Marks and
    Tegmark 2023, mass-mean probing); `shrunk_lda` whitens that direction with a shrunk covariance (Ledoit and Wolf
    2004, with the shrinkage fixed). Both put the threshold halfway between the means. Arguments as for `fit`.
    """
    positive, negative = weights * targets, weights * (1 - targets)
    if readout == "logistic" or min(positive.sum(), negative.sum()) <= _SINGLE_CLASS_MARGIN * weights.sum():
        return fit(features, targets, weights, l2=l2)
    upper, lower = positive @ features / positive.sum(), negative @ features / negative.sum()
    axis = upper - lower
    if readout == "difference_of_means":
        direction = 3 * axis / (axis @ axis + 1e-9)
    else:
        direction = np.linalg.solve(_covariance(features), axis)
    return Student(direction, -float(direction @ (upper + lower)) / 2)


def _covariance(features: FloatArray, shrinkage: float = 0.23) -> FloatArray:
    """Return the shrunk (d, d) covariance of the features; it is not singular."""
    from sklearn.covariance import shrunk_covariance  # slow import, see `geometry`

    covariance = np.atleast_2d(np.cov(features.T))
    ridge = 1e-9 * np.eye(len(covariance))
    return np.asarray(shrunk_covariance(covariance, shrinkage=shrinkage) + ridge, dtype=np.float64)
