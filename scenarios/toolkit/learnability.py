"""Operators that use how easily a label is learned: description length, loss, neighbours, a critic."""

from typing import Annotated

import numpy as np
from scipy.special import xlogy

from aarlab.scenarios.toolkit.geometry import neighbours, reduce
from aarlab.scenarios.toolkit.inputs import FloatArray
from aarlab.scenarios.toolkit.item_selection import most_confident_of_each_class
from aarlab.scenarios.toolkit.operators import operator
from aarlab.scenarios.toolkit.settings import Float, Int
from aarlab.scenarios.toolkit.student import fit, out_of_fold
from aarlab.scenarios.toolkit.trainingset import TrainingSet


@operator(family="data filtering", stage="selection")
def overlap_density(
    data: TrainingSet,
    *,
    share: Annotated[float, Float(0.1, 0.9)] = 0.5,
    k: Annotated[int, Int(5, 50, "log")] = 15,
    dims: Annotated[int, Int(0, 30)] = 10,
) -> TrainingSet:
    """Keep the items, equally many of each class, that have the same weak label as their neighbours.

    After Shin et al. 2024 (overlap density): weak labels generalise where teacher and student see the same. Neighbours
    are found in the leading `dims` principal components of the student's features, 0 for all.
    """
    votes = data.targets[neighbours(reduce(data.features, dims), k)].mean(axis=1)
    side = np.where(data.targets > np.median(data.targets), 1.0, -1.0)
    support = side * (votes - np.median(votes))
    kept = np.zeros(len(support))
    for one_side in (side > 0, side < 0):
        if one_side.any():
            kept[one_side] = support[one_side] >= np.quantile(support[one_side], 1 - share)
    return data.with_weights(data.weights * kept)


@operator(family="curriculum", stage="selection")
def mdl_curriculum(
    data: TrainingSet,
    *,
    rounds: Annotated[int, Int(2, 10)] = 5,
    share: Annotated[float, Float(0.2, 0.95)] = 0.6,
    l2: Annotated[float, Float(1e-3, 0.5, "log")] = 1e-2,
) -> TrainingSet:
    """Add items in the order of their code length under the current student, shortest first.

    Prequential description length (Blier and Ollivier 2018) as a curriculum: it starts from the most confident tenth of
    the items and ends with the `share` of items with hardened targets that cost the student the fewest bits.
    """
    labels = (data.targets > np.median(data.targets)).astype(np.float64)
    kept = most_confident_of_each_class(data.targets, 0.1, data.generator())
    for round_index in range(rounds):
        bits = _code_length(fit(data.features, labels, kept, l2=l2).predict(data.features), labels)
        kept = (bits <= np.quantile(bits, 0.1 + (share - 0.1) * (round_index + 1) / rounds)).astype(np.float64)
    return data.with_weights(data.weights * kept)


@operator(family="other", stage="labels")
def learnability_smoothing(
    data: TrainingSet,
    *,
    strength: Annotated[float, Float(0.1, 1.0)] = 0.8,
    repeats: Annotated[int, Int(1, 4)] = 2,
    l2: Annotated[float, Float(1e-3, 0.5, "log")] = 3e-2,
) -> TrainingSet:
    """Move each target towards its out-of-fold prediction, further if it is harder to learn.

    Motivated by epiplexity (Finzi et al. 2026): the structure that a bounded learner can extract.
    A target that costs b bits out of fold moves `strength` (1 - 2^-b) of the way. Folds are drawn `repeats` times.
    """
    rng = data.generator()
    folds = [out_of_fold(data.features, data.targets, data.weights, rng=rng, l2=l2) for _ in range(repeats)]
    predicted = np.mean(folds, axis=0)
    move = strength * (1 - 2.0 ** -_code_length(predicted, data.targets))
    return data.with_targets((1 - move) * data.targets + move * predicted)


@operator(family="loss function", stage="selection")
def generalised_cross_entropy(
    data: TrainingSet,
    *,
    q: Annotated[float, Float(0.1, 1.0)] = 0.7,
    rounds: Annotated[int, Int(1, 8)] = 4,
    l2: Annotated[float, Float(1e-3, 0.3, "log")] = 1e-2,
) -> TrainingSet:
    """Reduce the weight of surprising labels: items count less if the student gives their target a low probability.

    Zhang and Sabuncu 2018, equation 6: between cross-entropy (q = 0) and absolute error (q = 1), by fitting `rounds`
    times with each item weighted by its probability to the power q.
    """
    weights = data.weights
    for _ in range(rounds):
        predicted = fit(data.features, data.targets, weights, l2=l2).predict(data.features)
        weights = data.weights * (1 - np.abs(predicted - data.targets)) ** q
    return data.with_weights(weights)


@operator(family="data filtering", stage="selection")
def critic_filter(
    data: TrainingSet,
    *,
    share: Annotated[float, Float(0.2, 0.95)] = 0.6,
    l2: Annotated[float, Float(1e-3, 0.3, "log")] = 3e-2,
) -> TrainingSet:
    """Train a critic to predict which of the teacher's answers are confirmed, and keep the share it trusts most.

    After the critique baselines of Saunders et al. 2022 and McAleese et al. 2024. An answer is confirmed if out-of-fold
    students agree. The critic sees the item's features and their product with the sign of the answer.
    """
    rng = data.generator()
    predicted = out_of_fold(data.features, data.targets, data.weights, rng=rng, l2=l2)
    answer = np.where(data.targets > 0.5, 1.0, -1.0)
    confirmed = 1 - np.abs(predicted - data.targets)
    evidence = np.column_stack([data.features, answer[:, None] * data.features, answer])
    trust = out_of_fold(evidence, confirmed, data.weights, rng=rng, l2=l2)
    return data.with_weights(data.weights * (trust >= np.quantile(trust, 1 - share)))


def _code_length(predictions: FloatArray, targets: FloatArray) -> FloatArray:
    """Return the (n,) bits that the targets cost under the predictions, minus the entropy of the targets."""
    p, t = np.clip(predictions, 1e-3, 1 - 1e-3), targets
    divergence = xlogy(t, t) + xlogy(1 - t, 1 - t) - xlogy(t, p) - xlogy(1 - t, 1 - p)
    return np.asarray(np.maximum(divergence, 0) / np.log(2), dtype=np.float64)
