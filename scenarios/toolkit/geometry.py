"""Geometry of the feature space: principal axes, neighbours, clusters.

scikit-learn takes most of a second to import, so it is imported only where a method uses it.
"""

import warnings

import numpy as np

from aarlab.scenarios.toolkit.inputs import FloatArray, IntArray


def principal_axes(features: FloatArray, dims: int) -> tuple[FloatArray, FloatArray]:
    """Return the leading principal axes as (d, k) columns and their (k,) standard deviations; k <= dims."""
    centred = features - features.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(features))
    k = min(dims, axes.shape[1])
    return axes[:, : -k - 1 : -1], np.sqrt(np.maximum(variances[: -k - 1 : -1], 0))


def reduce(features: FloatArray, dims: int) -> FloatArray:
    """Return the (n, dims) principal components of (n, d) features; dims=0, or dims >= d, keeps all features."""
    if not 0 < dims < features.shape[1]:
        return features
    return np.asarray((features - features.mean(axis=0)) @ principal_axes(features, dims)[0], dtype=np.float64)


def neighbours(features: FloatArray, k: int) -> IntArray:
    """Return the (n, k) indices of each item's nearest other items; fewer columns if there are fewer than k others."""
    from sklearn import config_context
    from sklearn.neighbors import NearestNeighbors

    k = min(k, len(features) - 1)
    with config_context(assume_finite=True, skip_parameter_validation=True):
        return np.asarray(
            NearestNeighbors(n_neighbors=k).fit(features).kneighbors(return_distance=False), dtype=np.int64
        )


def clusters(features: FloatArray, k: int, rng: np.random.Generator, *, iterations: int = 15) -> IntArray:
    """Return the (n,) cluster numbers, below k, of one run of k-means++."""
    from sklearn import config_context
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    means = KMeans(min(k, len(features)), n_init=1, max_iter=iterations, random_state=int(rng.integers(2**31)))
    with config_context(assume_finite=True, skip_parameter_validation=True), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # with fewer distinct items than clusters some are empty
        return np.asarray(means.fit_predict(features), dtype=np.int64)
