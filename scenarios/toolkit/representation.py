"""Operators that change the features of the items, or the final readout."""

from dataclasses import replace
from typing import Annotated

import numpy as np

from aarlab.scenarios.toolkit.geometry import principal_axes
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
