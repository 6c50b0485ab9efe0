"""Operators that train the final student on several other students, or on a larger one."""

from typing import Annotated

import numpy as np
from scipy.special import expit

from aarlab.scenarios.toolkit.operators import operator
from aarlab.scenarios.toolkit.relations import log_odds
from aarlab.scenarios.toolkit.settings import Float, Int
from aarlab.scenarios.toolkit.student import fit
from aarlab.scenarios.toolkit.trainingset import TrainingSet


@operator(family="ensemble", stage="labels")
def bag(
    data: TrainingSet,
    *,
    members: Annotated[int, Int(2, 12)] = 8,
    share: Annotated[float, Float(0.1, 0.8)] = 0.3,
    l2: Annotated[float, Float(1e-3, 0.3, "log")] = 1e-2,
) -> TrainingSet:
    """Replace the targets by the mean prediction of students fitted on random subsets of the items.

    Breiman 1996 (bagging), without replacement.
    """
    rng = data.generator()
    total = np.zeros(len(data.targets))
    for _ in range(members):
        drawn = rng.random(len(total)) < share
        total += fit(data.features[drawn], data.targets[drawn], data.weights[drawn], l2=l2).predict(data.features)
    return data.with_targets(total / members)


@operator(family="ensemble", stage="labels")
def subspaces(
    data: TrainingSet,
    *,
    members: Annotated[int, Int(2, 16)] = 8,
    share: Annotated[float, Float(0.1, 0.8)] = 0.3,
    l2: Annotated[float, Float(1e-3, 0.3, "log")] = 1e-2,
) -> TrainingSet:
    """Replace the targets by the mean prediction of students fitted on random subsets of the features.

    Ho 1998 (random subspaces): no spurious feature is available to all students.
    """
    rng = data.generator()
    width = data.features.shape[1]
    total = np.zeros(len(data.targets))
    for _ in range(members):
        seen = rng.permutation(width)[: max(1, round(share * width))]
        features = data.features[:, seen]
        total += fit(features, data.targets, data.weights, l2=l2).predict(features)
    return data.with_targets(total / members)


@operator(family="distillation", stage="labels")
def distil_wide(
    data: TrainingSet,
    *,
    dims: Annotated[int, Int(40, 300, "log")] = 150,
    temperature: Annotated[float, Float(0.5, 4.0, "log")] = 1.0,
    l2: Annotated[float, Float(1e-3, 0.3, "log")] = 1e-2,
) -> TrainingSet:
    """Train a wide student on rectified random features, and use its softened predictions as targets.

    Hinton et al. 2015 (distillation) after random features (Rahimi and Recht 2007); a temperature above one softens.
    """
    rng = data.generator()
    scale = np.sqrt((data.features**2).sum(axis=1).mean()) + 1e-9
    hidden = np.maximum(
        data.features @ rng.normal(size=(data.features.shape[1], dims)) / scale + rng.normal(size=dims), 0
    )
    wide = np.column_stack([data.features, hidden])
    predicted = fit(wide, data.targets, data.weights, l2=l2).predict(wide)
    return data.with_targets(expit(log_odds(predicted) / temperature))
