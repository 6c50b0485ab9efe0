"""Operators that use the structure of the unlabelled items: neighbours, clusters, mutual predictability."""

from typing import Annotated

import numpy as np
from scipy.special import expit

from aarlab.scenarios.toolkit.geometry import clusters, neighbours, reduce
from aarlab.scenarios.toolkit.inputs import FloatArray
from aarlab.scenarios.toolkit.operators import operator
from aarlab.scenarios.toolkit.relations import log_odds, project
from aarlab.scenarios.toolkit.settings import Flag, Float, Int
from aarlab.scenarios.toolkit.trainingset import TrainingSet
from aarlab.scenarios.toolkit.weak_labels import shift_to_mean


@operator(family="unsupervised elicitation", stage="labels")
def knn_propagate(
    data: TrainingSet,
    *,
    k: Annotated[int, Int(3, 30, "log")] = 10,
    alpha: Annotated[float, Float(0.3, 0.98)] = 0.9,
    dims: Annotated[int, Int(0, 30)] = 10,
) -> TrainingSet:
    """Propagate the targets along a nearest-neighbour graph, so that neighbours agree.

    Zhou et al. 2003 (local and global consistency). `alpha` is the share of the neighbours in each of fifteen steps;
    neighbours are found in the leading `dims` principal components, 0 for all features.
    """
    neighbour_index = neighbours(reduce(data.features, dims), k)
    spread = data.targets
    for _ in range(15):
        spread = alpha * spread[neighbour_index].mean(axis=1) + (1 - alpha) * data.targets
    return data.with_targets(spread)


@operator(family="unsupervised elicitation", stage="labels")
def cluster_vote(
    data: TrainingSet,
    *,
    k: Annotated[int, Int(2, 64, "log")] = 20,
    repeats: Annotated[int, Int(1, 8)] = 5,
    dims: Annotated[int, Int(0, 30)] = 10,
    median: Annotated[bool, Flag()] = True,
) -> TrainingSet:
    """Cluster the items and give each cluster the class of its weighted mean target, averaged over clusterings.

    `median` thresholds the mean at the median target instead of one half. Clusters are found in the leading `dims`
    principal components, 0 for all features. Compare Burns et al. 2022: the label may be the largest structure.
    """
    rng, reduced = data.generator(), reduce(data.features, dims)
    threshold = np.median(data.targets) if median else 0.5
    votes = np.zeros(len(data.targets))
    for _ in range(repeats):
        cluster = clusters(reduced, k, rng)
        mass = np.bincount(cluster, data.weights) + 1e-9
        votes += (np.bincount(cluster, data.weights * data.targets) / mass > threshold)[cluster]
    return data.relabelled(votes / repeats)


@operator(family="confidence weighting", stage="labels")
def balance_clusters(
    data: TrainingSet,
    *,
    k: Annotated[int, Int(2, 32, "log")] = 8,
    dims: Annotated[int, Int(0, 30)] = 10,
    share: Annotated[float, Float(0.2, 0.8)] = 0.5,
) -> TrainingSet:
    """Cluster the items and shift the log odds of each cluster so that its mean target is the given share of class 1.

    Prior correction (Saerens, Latinne and Decaestecker 2002) for each cluster: a teacher may favour one class where it
    sees a topic or a style. Clusters are found in the leading `dims` principal components, 0 for all features.
    """
    cluster = clusters(reduce(data.features, dims), k, data.generator())
    targets = data.targets.copy()
    for number in np.unique(cluster):
        targets[cluster == number] = shift_to_mean(targets[cluster == number], share)
    return data.with_targets(targets)


@operator(family="unsupervised elicitation", stage="labels")
def coherence(
    data: TrainingSet,
    *,
    rounds: Annotated[int, Int(2, 12)] = 8,
    ridge: Annotated[float, Float(3.0, 200.0, "log")] = 20.0,
    seed_share: Annotated[float, Float(0.05, 0.6)] = 0.2,
    anchor: Annotated[float, Float(0.0, 1.0)] = 0.3,
    relations: Annotated[bool, Flag()] = True,
) -> TrainingSet:
    """Search for labels that predict each other: each item is labelled by a ridge readout of all others.

    After Wen et al. 2025 (internal coherence maximisation), with leave-one-out ridge regression for the model's
    in-context predictions. The search starts from the `seed_share` most confident targets, `anchor` weights the targets
    in every round, and `relations` projects each round on the known relations. Classes are kept equally large.
    """
    leave_one_out = _LeaveOneOut(data.features, ridge)
    distance = data.targets - np.median(data.targets)
    certainty = np.abs(distance)
    signs = np.where(certainty >= np.quantile(certainty, 1 - seed_share), np.sign(distance), 0.0)
    odds = log_odds(data.targets)
    for _ in range(rounds):
        support = leave_one_out.predict(signs)
        odds = 2 * support / (support.std() + 1e-9) + anchor * log_odds(data.targets)
        if relations and len(data.relations):
            odds = log_odds(project(expit(odds), data.relations))
        odds = odds - np.median(odds)
        signs = np.sign(odds)
    return data.relabelled(np.clip(expit(2 * odds), 1e-3, 1 - 1e-3))


class _LeaveOneOut:
    """Leave-one-out ridge regression in closed form."""

    def __init__(self, features: FloatArray, ridge: float) -> None:
        design = np.column_stack([features, np.ones(len(features))])
        gram = design.T @ design + ridge * np.eye(design.shape[1])
        self._design = design
        self._solution = np.asarray(np.linalg.solve(gram, design.T), dtype=np.float64)
        self._leverage = np.minimum(np.einsum("ij,ji->i", design, self._solution), 1 - 1e-9)

    def predict(self, labels: FloatArray) -> FloatArray:
        """Return the (n,) predictions of each item's label from the labels of the others."""
        fitted = self._design @ (self._solution @ labels)
        return np.asarray((fitted - self._leverage * labels) / (1 - self._leverage), dtype=np.float64)
