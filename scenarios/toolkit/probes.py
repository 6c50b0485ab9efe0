"""Operators that search for a direction in the features that is consistent with the relations."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from scipy.special import expit

from aarlab.scenarios.toolkit.geometry import reduce
from aarlab.scenarios.toolkit.inputs import NOT_BOTH, OPPOSITE, SAME, FloatArray
from aarlab.scenarios.toolkit.operators import operator
from aarlab.scenarios.toolkit.relations import violated_shares
from aarlab.scenarios.toolkit.settings import Float, Int
from aarlab.scenarios.toolkit.student import fit
from aarlab.scenarios.toolkit.trainingset import TrainingSet


@operator(family="unsupervised elicitation", stage="labels")
def consistency_probe(
    data: TrainingSet,
    *,
    anchor: Annotated[float, Float(0.3, 3.0, "log")] = 1.0,
    l2: Annotated[float, Float(1e-3, 0.3, "log")] = 1e-2,
    dims: Annotated[int, Int(0, 30)] = 0,
) -> TrainingSet:
    """Fit a probe that answers consistently on related items, anchored to the targets.

    After contrast-consistent search, Burns et al. 2022, equation 1, with the known relations as contrast pairs. Instead
    of their confidence term, `anchor` weights the cross-entropy to the targets, and a balance term keeps both classes
    equally large. The probe uses the leading `dims` principal components, 0 for all features.
    """
    from scipy.optimize import minimize  # slow import, see `geometry`

    probe = _Probe(data, reduce(data.features, dims), anchor, l2)
    start = fit(probe.features, data.targets, data.weights, l2=l2)
    optimum = minimize(probe.loss, np.append(start.coefficients, start.intercept), jac=True, options={"maxiter": 200})
    return data.relabelled(expit(probe.logits(optimum.x)))


@operator(family="evolutionary", stage="labels")
def evolve_probe(
    data: TrainingSet,
    *,
    generations: Annotated[int, Int(5, 60, "log")] = 25,
    anchor: Annotated[float, Float(2.0, 10.0, "log")] = 3.0,
    step: Annotated[float, Float(0.02, 0.5, "log")] = 0.1,
    dims: Annotated[int, Int(2, 30)] = 12,
) -> TrainingSet:
    """Evolve a direction in the features that satisfies the relations and agrees with the targets.

    An evolution strategy with 8 parents out of 32 children, recombined by their mean (Beyer and Schwefel 2002). Fitness
    is `anchor` times the correlation with the targets, minus the share of violated relations. The search space is the
    leading `dims` principal components at unit variance; it starts at the student's direction.
    """
    rng = data.generator()
    reduced = reduce(data.features, dims)
    reduced = (reduced - reduced.mean(axis=0)) / (reduced.std(axis=0) + 1e-9)
    mean = _unit(fit(reduced, data.targets, data.weights, l2=0.1).coefficients)
    for _ in range(generations):
        children = _unit(mean + step * rng.normal(size=(32, len(mean))))
        fitness = _fitness(data, children @ reduced.T, anchor)
        mean = _unit(children[np.argsort(fitness)[-8:]].mean(axis=0))
    scores = reduced @ mean
    return data.relabelled(expit(3 * (scores - np.median(scores)) / (scores.std() + 1e-9)))


def _unit(directions: FloatArray) -> FloatArray:
    """Return one or several directions, the rows, scaled to length one; zero stays zero."""
    return np.asarray(directions / (np.linalg.norm(directions, axis=-1, keepdims=True) + 1e-12), dtype=np.float64)


def _fitness(data: TrainingSet, scores: FloatArray, anchor: float) -> FloatArray:
    """Return the (c,) fitness of (c, n) scores: agreement with the targets minus violations of the relations."""
    positive = scores > np.median(scores, axis=1, keepdims=True)
    broken = violated_shares(positive, data.relations)
    deviations = data.targets - data.targets.mean()
    correlation = scores @ deviations / (scores.shape[1] * (scores.std(axis=1) * data.targets.std() + 1e-9))
    return np.asarray(anchor * correlation - broken, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class _Probe:
    """The loss of `consistency_probe` as a function of its parameters."""

    data: TrainingSet
    features: FloatArray
    anchor: float
    l2: float

    def logits(self, parameters: FloatArray) -> FloatArray:
        """Return (n,) log odds for (k + 1,) parameters: coefficients, intercept."""
        return np.asarray(self.features @ parameters[:-1] + parameters[-1], dtype=np.float64)

    def loss(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Return the loss and its (k + 1,) gradient."""
        logits = self.logits(parameters)
        p = expit(logits)
        n = len(p)
        inconsistency, by_p = self._inconsistency(p)
        imbalance = float(p.mean()) - 0.5
        by_p = by_p + 2 * imbalance / n
        entropy = float((np.logaddexp(0, logits) - self.data.targets * logits).mean())
        by_logit = by_p * p * (1 - p) + self.anchor * (p - self.data.targets) / n
        gradient = np.append(self.features.T @ by_logit + self.l2 * parameters[:-1], by_logit.sum())
        penalty = self.l2 / 2 * float(parameters[:-1] @ parameters[:-1])
        return inconsistency + imbalance**2 + self.anchor * entropy + penalty, gradient

    def _inconsistency(self, p: FloatArray) -> tuple[float, FloatArray]:
        """Return the mean squared violation of the relations by (n,) probabilities, and its (n,) gradient."""
        if not len(self.data.relations):
            return 0.0, np.zeros(len(p))
        first, second, kind = self.data.relations.T
        a, b = p[first], p[second]
        excess = a + b - 1
        gaps = [a - b, excess, np.maximum(excess, 0)]
        gap = np.select([kind == SAME, kind == OPPOSITE, kind == NOT_BOTH], gaps, default=0.0)
        slope = 2 * gap / len(gap)
        second_slope = np.where(kind == SAME, -slope, slope)
        gradient = np.bincount(first, slope, len(p)) + np.bincount(second, second_slope, len(p))
        return float((gap**2).mean()), gradient.astype(np.float64)
