"""Operators that change the features of the items, or the final readout."""

from dataclasses import replace
from typing import Annotated

import numpy as np
from scipy.spatial.distance import cdist

from aarlab.scenarios.toolkit.diagnostics import NO_LABEL_RELATIONS
from aarlab.scenarios.toolkit.geometry import clusters, principal_axes
from aarlab.scenarios.toolkit.inputs import OPPOSITE, SAME, FloatArray
from aarlab.scenarios.toolkit.operators import operator
from aarlab.scenarios.toolkit.settings import Choice, Flag, Float, Int
from aarlab.scenarios.toolkit.student import Readout
from aarlab.scenarios.toolkit.trainingset import TrainingSet


@operator(family="model internal", stage="representation")
def lowrank(
    data: TrainingSet, *, dims: Annotated[int, Int(2, 32, "log")] = 10, whiten: Annotated[bool, Flag()] = False
) -> TrainingSet:
    """Keep only the leading principal components of the features.

    `whiten` gives all components unit variance. The low rank is a simplicity prior.
    """
    axes, deviations = principal_axes(data.features, dims)
    if whiten:
        axes = axes / (deviations + 1e-6)
    mean = data.features.mean(axis=0)
    return data.with_features((data.features - mean) @ axes, (data.test_features - mean) @ axes)


@operator(family="model internal", stage="representation")
def random_features(
    data: TrainingSet,
    *,
    dims: Annotated[int, Int(20, 200, "log")] = 100,
    bandwidth: Annotated[float, Float(0.1, 2.0, "log")] = 1.0,
) -> TrainingSet:
    """Replace the features by random Fourier features, which makes the student nonlinear.

    Rahimi and Recht 2007. `bandwidth` is in units of the reciprocal total variance of the features.
    """
    rng = data.generator()
    variance = data.features.var(axis=0).sum()
    scale = np.sqrt(bandwidth / variance) if variance > 0 else 1.0
    frequencies = scale * rng.normal(size=(data.features.shape[1], dims))
    phases = rng.uniform(0, 2 * np.pi, dims)
    mapped = [np.sqrt(2) * np.cos(z @ frequencies + phases) for z in (data.features, data.test_features)]
    return data.with_features(mapped[0], mapped[1])


@operator(family="model internal", stage="representation")
def remove_direction(
    data: TrainingSet,
    *,
    directions: Annotated[int, Int(1, 4)] = 1,
    l2: Annotated[float, Float(1e-3, 0.1, "log")] = 1e-2,
) -> TrainingSet:
    """Project out the directions from which the current targets are easiest to read.

    Iterative nullspace projection (INLP), Ravfogel et al. 2020: the direction that is easiest to read is often the one
    behind the teacher's errors, and without it the student must use other features.
    """
    for _ in range(directions):
        axis = data.fit(l2=l2).coefficients
        axis = axis / (np.linalg.norm(axis) + 1e-9)
        projected = [z - np.outer(z @ axis, axis) for z in (data.features, data.test_features)]
        data = data.with_features(projected[0], projected[1])
    return data


@operator(family="model internal", stage="representation")
def remove_leading(data: TrainingSet, *, components: Annotated[int, Int(1, 16, "log")] = 3) -> TrainingSet:
    """Project out the leading principal components of the features.

    Mu and Viswanath 2018 (all-but-the-top): the largest variation is often common to all items or a matter of style.
    """
    return _without(data, principal_axes(data.features, components)[0])


@operator(family="unsupervised elicitation", stage="representation")
def remove_related_variation(data: TrainingSet, *, directions: Annotated[int, Int(1, 16, "log")] = 3) -> TrainingSet:
    """Project out the directions in which related items differ although their labels do not.

    Nuisance attribute projection, Solomonoff, Campbell and Boardman 2005: the leading principal axes of the differences
    of items with the same label, and of the sums of items with opposite labels.
    """
    first, second, kind = data.relations.T
    centred = data.features - data.features.mean(axis=0)
    same, opposite = kind == SAME, kind == OPPOSITE
    nuisance = np.concatenate(
        [
            centred[first[same]] - centred[second[same]],
            centred[first[opposite]] + centred[second[opposite]],
        ]
    )
    if not len(nuisance):
        return data.warn(NO_LABEL_RELATIONS)
    axes = np.linalg.eigh(nuisance.T @ nuisance)[1]
    return _without(data, axes[:, : -directions - 1 : -1])


@operator(family="unsupervised elicitation", stage="representation")
def centre_clusters(
    data: TrainingSet,
    *,
    k: Annotated[int, Int(2, 32, "log")] = 8,
    dims: Annotated[int, Int(0, 30)] = 10,
) -> TrainingSet:
    """Cluster the items and subtract the mean of its cluster from each.

    Li et al. 2017 (a normalisation for each domain), with clusters in place of known domains. Clusters are found in
    the leading `dims` principal components, 0 for all features; test items join the cluster with the nearest mean.
    """
    mean = data.features.mean(axis=0)
    axes = principal_axes(data.features, dims or data.features.shape[1])[0]
    cluster = clusters((data.features - mean) @ axes, k, data.generator())
    members = (np.unique(cluster)[:, None] == cluster).astype(np.float64)
    means = members @ data.features / members.sum(axis=1, keepdims=True)
    test_cluster = cdist((data.test_features - mean) @ axes, (means - mean) @ axes, "sqeuclidean").argmin(axis=1)
    own_cluster = members.argmax(axis=0)
    return data.with_features(data.features - means[own_cluster], data.test_features - means[test_cluster])


def _without(data: TrainingSet, axes: FloatArray) -> TrainingSet:
    """Return the training set with the orthonormal (d, k) axes projected out of the features."""
    projected = [z - (z @ axes) @ axes.T for z in (data.features, data.test_features)]
    return data.with_features(projected[0], projected[1])


@operator(family="loss function", stage="student")
def regularise(data: TrainingSet, *, l2: Annotated[float, Float(1e-4, 1.0, "log")] = 0.1) -> TrainingSet:
    """Set the strength of the final student's ridge penalty."""
    return replace(data, l2=l2)


@operator(family="model internal", stage="student")
def readout(
    data: TrainingSet,
    *,
    kind: Annotated[Readout, Choice("logistic", "difference_of_means", "shrunk_lda")] = "difference_of_means",
) -> TrainingSet:
    """Choose the readout of the final student: see `fit_readout`."""
    return replace(data, readout=kind)
