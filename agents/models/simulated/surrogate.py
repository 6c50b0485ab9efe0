"""The surrogate model of a simulated researcher: it predicts the PGR of recipes from the trials it knows.

It consists of two Gaussian processes (Rasmussen and Williams 2006, chapters 2 and 5). The first denoises scores:
methods with similar training logs (agreement with the teacher, violated relations, entropy, balance) have similar
scores, so a trial's log corrects its noisy score. The second predicts other recipes: recipes are similar if they share
steps, the order of steps, and their last step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from aarlab.agents.models.simulated.recipe import Recipe, RecipeStep, SearchSpace
from aarlab.memory.seeds import rng

FloatArray = npt.NDArray[np.float64]

PRIOR_MEAN, LEVEL_SD, PRIOR_SD = 0.2, 0.16, 0.35
"""Prior mean of PGR; prior standard deviation of the mean of a task; prior standard deviation of recipes within a task.
All from the study: the twelve scores of its published methods (four methods, three tasks) have mean .19; the means of
the three tasks have standard deviation .16; the nine scores on chat of published methods and of the methods that its
agents found have standard deviation .36.
"""
RECIPE_SD = 0.14
"""Standard deviation of the part of a recipe's PGR that other recipes do not predict: 16 % of the variance."""
MIN_SCORE = -0.2
"""Lower scores are set to this value: differences between bad methods contain little information about good ones."""
LOG_SD = PRIOR_SD / 2**0.5
"""Standard deviation of the scores of methods with equal log features: a log explains at most half of the variance."""
LOG_LENGTH_SCALE = 1.9
"""Length scale of the log features, in standard deviations: half of the root mean square distance of seven features."""
LENGTH_SCALE = 0.4
"""Length scale of settings, as a share of their ranges."""
SAME_OPERATOR_SIMILARITY = 0.4
"""Similarity of two steps with the same operator and very different settings."""
FOURIER_FEATURES, ORDER_FEATURES = 3, 256
"""Number of random Fourier features of settings (Rahimi and Recht 2007), and of hashed features of step order."""
KERNELS: tuple[Mapping[str, float], ...] = (
    {"steps": 0.6, "order": 0.2, "end": 0.2},
    {"steps": 0.8, "order": 0.1, "end": 0.1},
    {"steps": 0.3, "order": 0.4, "end": 0.3},
)
"""Possible shares of the prior variance within a task: for the steps, for the order of each two steps, and for the last
step. In the second, what follows what hardly matters; in the third, it matters most.
"""
PILOT_SDS = (0.1, 0.14, 0.2, 0.28, 0.4)
"""Possible standard deviations of the noise of a pilot without a standard error. The middle one is the most probable
before any score is known; the logarithm has standard deviation LOG_PILOT_SD.
"""
LOG_PILOT_SD = 0.5


@dataclass(frozen=True, slots=True)
class ScoredRecipe:
    """A recipe, its score and its training log."""

    recipe: Recipe
    pgr: float
    se: float | None
    """None: a pilot without a standard error."""
    log: Sequence[Mapping[str, Any]] = field(default=(), hash=False)
    doubt: float = 0.0
    """Standard deviation that critiques of the score add to its error."""


class Surrogate:
    """A Gaussian process over recipes, conditioned on trials.

    Kernel and pilot noise are the most probable ones of KERNELS and PILOT_SDS given the trials, by their marginal
    likelihood (Rasmussen and Williams 2006, equation 5.8).
    """

    def __init__(self, trials: Sequence[ScoredRecipe], space: SearchSpace, *, skill: float = 1.0) -> None:
        """Condition the prior on the trials. `skill` in [0, 1] weights the training logs; 0 ignores them."""
        self._space = space
        recipes = [trial.recipe for trial in trials]
        self._row_of = {recipe: row for row, recipe in enumerate(dict.fromkeys(recipes))}
        """Row of a recipe in the following two."""
        self._features = _features(list(self._row_of), space)
        rows = np.array([self._row_of[recipe] for recipe in recipes], dtype=np.int64)
        self._equal = (np.arange(len(self._row_of))[:, None] == rows).astype(np.float64)
        """(different recipes, trials) 1 where a recipe is that of a trial, else 0."""
        features, equal = self._features[rows], self._equal[rows]
        blocks = {name: features[:, columns] @ features[:, columns].T for name, columns in _blocks(space).items()}
        shared = LEVEL_SD**2 + RECIPE_SD**2 * equal
        priors = [shared + PRIOR_SD**2 * np.sum([w * blocks[n] for n, w in k.items()], axis=0) for k in KERNELS]
        # One after the other, because the two hardly depend on each other.
        self.pilot_sd = max(PILOT_SDS, key=lambda sd: _log_posterior(priors[0], trials, sd))
        prior, kernel = max(
            zip(priors, KERNELS, strict=True), key=lambda pair: _log_posterior(pair[0], trials, self.pilot_sd)
        )
        self._scale = _column_scale(kernel, space)
        self._tried = features * self._scale**2
        scores, variances = denoised_scores(trials, skill, self.pilot_sd)
        self._inverse = np.linalg.inv(prior + np.diag(variances))
        self._weights = self._inverse @ (scores - PRIOR_MEAN)

    def predict(self, recipes: Sequence[Recipe]) -> tuple[FloatArray, FloatArray]:
        """Return the predicted mean and standard deviation of each recipe's PGR, both of shape (recipes,)."""
        features, cross = self._covariance(recipes)
        prior_variance = ((features * self._scale) ** 2).sum(1) + LEVEL_SD**2 + RECIPE_SD**2
        variance = prior_variance - ((cross @ self._inverse) * cross).sum(1)
        return PRIOR_MEAN + cross @ self._weights, np.sqrt(np.maximum(variance, 1e-6))

    def predict_mean(self, recipes: Sequence[Recipe]) -> FloatArray:
        """Return the predicted mean of each recipe's PGR, of shape (recipes,)."""
        return PRIOR_MEAN + self._covariance(recipes)[1] @ self._weights

    def _covariance(self, recipes: Sequence[Recipe]) -> tuple[FloatArray, FloatArray]:
        """Return the (recipes, features) of recipes, and their (recipes, trials) prior covariances with the trials."""
        rows = np.array([self._row_of.get(recipe, -1) for recipe in recipes], dtype=np.int64)
        tried, new = rows >= 0, [recipe for recipe, row in zip(recipes, rows.tolist(), strict=True) if row < 0]
        features = np.empty((len(recipes), self._tried.shape[1]))
        features[tried], features[~tried] = self._features[rows[tried]], _features(new, self._space)
        equal = np.zeros((len(recipes), self._tried.shape[0]))
        equal[tried] = self._equal[rows[tried]]
        return features, features @ self._tried.T + LEVEL_SD**2 + RECIPE_SD**2 * equal


@lru_cache(maxsize=256)
def fitted_surrogate(trials: tuple[ScoredRecipe, ...], space: SearchSpace, skill: float) -> Surrogate:
    """Return the surrogate of these trials. Turns without a new score share it."""
    return Surrogate(trials, space, skill=skill)


def _log_posterior(prior: FloatArray, trials: Sequence[ScoredRecipe], pilot_sd: float) -> float:
    """Return the logarithm of the probability of the pilot noise and a kernel given the scores, up to a constant."""
    scores, variances = _clipped_scores(trials, pilot_sd)
    root = np.linalg.cholesky(prior + np.diag(variances))
    whitened = solve_triangular(root, scores - PRIOR_MEAN, lower=True, check_finite=False)
    likelihood = -0.5 * whitened @ whitened - np.log(np.diag(root)).sum()
    return float(likelihood - 0.5 * (np.log(pilot_sd / PILOT_SDS[2]) / LOG_PILOT_SD) ** 2)


def _clipped_scores(trials: Sequence[ScoredRecipe], pilot_sd: float) -> tuple[FloatArray, FloatArray]:
    """Return (n,) scores, not below MIN_SCORE, and their variances."""
    errors = ((pilot_sd if trial.se is None else trial.se) ** 2 + trial.doubt**2 for trial in trials)
    return np.maximum([trial.pgr for trial in trials], MIN_SCORE), np.fromiter(errors, np.float64) + 1e-3


def denoised_scores(trials: Sequence[ScoredRecipe], skill: float, pilot_sd: float) -> tuple[FloatArray, FloatArray]:
    """Return (n,) scores and their variances.

    Each score is the mean of the measured score and the score predicted from the training log, weighted by precision.
    """
    scores, variances = _clipped_scores(trials, pilot_sd)
    with_log = [i for i, trial in enumerate(trials) if trial.log]
    if skill > 0 and len(with_log) > 3:
        scores_from_logs, log_variance = _scores_from_logs(
            [trials[i].log for i in with_log], scores[with_log], variances[with_log]
        )
        own, logs = 1 / variances[with_log], skill / log_variance
        scores[with_log] = (own * scores[with_log] + logs * scores_from_logs) / (own + logs)
        variances[with_log] = 1 / (own + logs)
    return scores, variances


def _scores_from_logs(
    logs: Sequence[Sequence[Mapping[str, Any]]], scores: FloatArray, variances: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return (n,) leave-one-out predictions of the scores from the logs, and their variances."""
    features = np.array([_log_features(log) for log in logs])
    features = (features - features.mean(0)) / (features.std(0) + 1e-3)
    squares = (features**2).sum(1)
    squared_distances = squares[:, None] + squares[None] - 2 * features @ features.T
    kernel = PRIOR_SD**2 * np.exp(-squared_distances / (2 * LOG_LENGTH_SCALE**2))
    inverse = np.linalg.inv(kernel + np.diag(variances + LOG_SD**2))
    centre = np.average(scores, weights=1 / (variances + PRIOR_SD**2))
    # Closed form of leave-one-out prediction: Rasmussen and Williams 2006, equation 5.12.
    left_out = 1 / np.diag(inverse)
    return scores - (inverse @ (scores - centre)) * left_out, np.maximum(left_out - variances, LOG_SD**2)


def _log_features(log: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the features of a training log."""
    end = log[-1]
    violations = [float(entry.get("relation_violations") or 0.0) for entry in log]
    return [
        float(end.get("agreement", 0.5)),
        float(end.get("entropy", 0.5)),
        abs(float(end.get("balance", 0.5)) - 0.5),
        violations[-1],
        float(end.get("train_agreement", 0.5)),
        abs(float(end.get("test_balance", 0.5)) - 0.5),
        float(end.get("kept", 1.0)) ** 0.5,
    ]


# -- features of recipes --------------------------------------------------------------------------------------------


def _features(recipes: Sequence[Recipe], space: SearchSpace) -> FloatArray:
    """Return (recipes, features) without the weights of a kernel."""
    columns = _blocks(space)["end"].stop
    return np.array([_feature_vector(recipe, space) for recipe in recipes]).reshape(-1, columns)


@lru_cache(maxsize=16)
def _blocks(space: SearchSpace) -> Mapping[str, slice]:
    """Return the columns of each part of a kernel."""
    size = len(space.names) * (1 + 2 * FOURIER_FEATURES)
    edges = np.cumsum([0, size, ORDER_FEATURES, size]).tolist()
    return {name: slice(*pair) for name, pair in zip(KERNELS[0], pairwise(edges), strict=True)}


def _column_scale(kernel: Mapping[str, float], space: SearchSpace) -> FloatArray:
    """Return (features,) factors. Inner products of scaled features are prior covariances."""
    blocks = _blocks(space)
    return PRIOR_SD * np.concatenate([np.full(blocks[n].stop - blocks[n].start, w**0.5) for n, w in kernel.items()])


@lru_cache(maxsize=20_000)
def _feature_vector(recipe: Recipe, space: SearchSpace) -> FloatArray:
    """Return (features,) of one recipe."""
    width = 1 + 2 * FOURIER_FEATURES
    steps, order, end = (
        np.zeros((len(space.names), width)),
        np.zeros(ORDER_FEATURES),
        np.zeros((len(space.names), width)),
    )
    slots, signs = _order_hash(space)
    operators = [space.index[step.operator] for step in recipe]
    for i, (operator, step) in enumerate(zip(operators, recipe, strict=True)):
        features = _step_features(step, space)
        steps[operator] += features
        # In the end features, the last step has weight 1, the step before it 1/2, and so on.
        end[operator] += 0.5 ** (len(recipe) - 1 - i) * features
        for later in operators[i + 1 :]:
            order[slots[operator, later]] += signs[operator, later]
    # Unit length: otherwise long recipes and repeated steps would have a larger prior variance, and look worth a test.
    return np.concatenate([_unit(steps.ravel()), _unit(order), _unit(end.ravel())])


def _unit(vector: FloatArray) -> FloatArray:
    length = float(np.sqrt(vector @ vector))
    return vector / length if length else vector


@lru_cache(maxsize=20_000)
def _step_features(step: RecipeStep, space: SearchSpace) -> FloatArray:
    units = np.array(space.units(step) or (0.0,))
    angles = _fourier_frequencies(space, step.operator) @ (units / (len(units) ** 0.5 * LENGTH_SCALE))
    near = ((1 - SAME_OPERATOR_SIMILARITY) / FOURIER_FEATURES) ** 0.5
    return np.concatenate([[SAME_OPERATOR_SIMILARITY**0.5], near * np.cos(angles), near * np.sin(angles)])


@lru_cache(maxsize=1024)
def _fourier_frequencies(space: SearchSpace, operator: str) -> FloatArray:
    settings = max(1, len(space.operators[operator].settings))
    return rng("waves", operator).standard_normal((FOURIER_FEATURES, settings))


@lru_cache(maxsize=16)
def _order_hash(space: SearchSpace) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    generator, shape = rng("order of steps"), (len(space.names), len(space.names))
    return generator.integers(ORDER_FEATURES, size=shape), 2 * generator.integers(2, size=shape) - 1
