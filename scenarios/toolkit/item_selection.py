"""Operators that select or weight the training items."""

from typing import Annotated, Literal

import numpy as np
from scipy.special import xlogy

from aarlab.scenarios.toolkit.inputs import FloatArray
from aarlab.scenarios.toolkit.operators import operator
from aarlab.scenarios.toolkit.settings import Choice, Float, Int
from aarlab.scenarios.toolkit.student import fit, out_of_fold
from aarlab.scenarios.toolkit.trainingset import TrainingSet


@operator(family="data filtering", stage="selection")
def confident(data: TrainingSet, *, share: Annotated[float, Float(0.05, 0.95)] = 0.5) -> TrainingSet:
    """Keep the share of items with the targets farthest from one half; ties are broken at random."""
    certainty = np.abs(data.targets - 0.5) + 1e-9 * data.generator().random(len(data.targets))
    return data.with_weights(data.weights * (certainty >= np.quantile(certainty, 1 - share)))


@operator(family="data filtering", stage="selection")
def confident_balanced(data: TrainingSet, *, share: Annotated[float, Float(0.05, 0.95)] = 0.5) -> TrainingSet:
    """Keep the most confident items, equally many of the lowest and the highest targets, with equal weights."""
    return data.with_weights(most_confident_of_each_class(data.targets, share, data.generator()))


@operator(family="data filtering", stage="selection")
def cross_fit(
    data: TrainingSet,
    *,
    share: Annotated[float, Float(0.05, 0.6)] = 0.2,
    l2: Annotated[float, Float(1e-3, 0.3, "log")] = 1e-2,
    action: Annotated[Literal["drop", "relabel", "blend"], Choice("drop", "relabel", "blend")] = "drop",
) -> TrainingSet:
    """Find items with targets that out-of-fold students contradict, and drop, relabel or blend them.

    Northcutt, Jiang and Chuang 2021 (confident learning), ranked by the distance between target and out-of-fold
    prediction. `share` of the items is dropped or relabelled; `blend` averages target and prediction for all.
    """
    predicted = out_of_fold(data.features, data.targets, data.weights, rng=data.generator(), l2=l2)
    if action == "blend":
        return data.with_targets((predicted + data.targets) / 2)
    distance = np.abs(predicted - data.targets)
    contradicted = distance > np.quantile(distance, 1 - share)
    if action == "relabel":
        return data.with_targets(np.where(contradicted, predicted, data.targets))
    return data.with_weights(data.weights * ~contradicted)


@operator(family="data filtering", stage="selection")
def co_teach(
    data: TrainingSet,
    *,
    rounds: Annotated[int, Int(1, 6)] = 4,
    keep: Annotated[float, Float(0.3, 0.95)] = 0.6,
    l2: Annotated[float, Float(1e-3, 0.1, "log")] = 1e-3,
) -> TrainingSet:
    """Train two students on different halves; each selects the items of smallest loss for the other.

    Han et al. 2018 (co-teaching). An item is kept if either student keeps it.
    """
    labels = (data.targets > 0.5).astype(np.float64)
    half = data.generator().random(len(labels)) < 0.5
    chosen = [half, ~half]
    for _ in range(rounds):
        losses = [
            _loss(fit(data.features, labels, w.astype(np.float64), l2=l2).predict(data.features), labels)
            for w in chosen
        ]
        chosen = [loss <= np.quantile(loss, keep) for loss in reversed(losses)]
    return data.with_weights((chosen[0] | chosen[1]).astype(np.float64))


@operator(family="confidence weighting", stage="selection")
def agreement_reweight(
    data: TrainingSet,
    *,
    power: Annotated[float, Float(0.5, 8.0, "log")] = 4.0,
    l2: Annotated[float, Float(1e-3, 0.3, "log")] = 1e-2,
) -> TrainingSet:
    """Weight each item by a power of the agreement between the student's prediction and its target."""
    predicted = data.fit(l2=l2).predict(data.features)
    return data.with_weights(data.weights * (1 - np.abs(predicted - data.targets)) ** power)


@operator(family="confidence weighting", stage="selection")
def confidence_weight(data: TrainingSet, *, power: Annotated[float, Float(0.25, 4.0, "log")] = 1.0) -> TrainingSet:
    """Weight each item by a power of the distance of its target from one half."""
    return data.with_weights(data.weights * np.abs(2 * data.targets - 1) ** power)


def most_confident_of_each_class(targets: FloatArray, share: float, rng: np.random.Generator) -> FloatArray:
    """Return (n,) weights: one for the share / 2 lowest and the share / 2 highest targets, zero for the others.

    Ties are broken at random. At least five items are kept at each end, if there are as many.
    """
    n = len(targets)
    count = min(max(5, int(share * n / 2)), n // 2)
    order = np.argsort(targets + 1e-9 * rng.random(n))
    weights = np.zeros(n)
    weights[order[:count]] = 1
    weights[order[n - count :]] = 1
    return weights


def _loss(predictions: FloatArray, labels: FloatArray) -> FloatArray:
    """Return the cross-entropy of each prediction."""
    p = np.clip(predictions, 1e-3, 1 - 1e-3)
    return np.asarray(-xlogy(labels, p) - xlogy(1 - labels, 1 - p), dtype=np.float64)
