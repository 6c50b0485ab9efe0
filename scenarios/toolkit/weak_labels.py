"""Operators that correct the weak labels without the features, or by a model of the teacher's noise."""

from typing import Annotated, Literal

import numpy as np
from scipy.special import expit

from aarlab.scenarios.toolkit.diagnostics import NO_RELATIONS
from aarlab.scenarios.toolkit.inputs import FloatArray
from aarlab.scenarios.toolkit.operators import operator
from aarlab.scenarios.toolkit.relations import log_odds, project
from aarlab.scenarios.toolkit.settings import Choice, Float, Int
from aarlab.scenarios.toolkit.student import fit
from aarlab.scenarios.toolkit.trainingset import TrainingSet


@operator(family="loss function", stage="labels")
def harden(data: TrainingSet) -> TrainingSet:
    """Replace each target by its more likely class."""
    return data.with_targets((data.targets > 0.5).astype(np.float64))


@operator(family="confidence weighting", stage="labels")
def sharpen(data: TrainingSet, *, temperature: Annotated[float, Float(0.25, 3.0, "log")] = 0.5) -> TrainingSet:
    """Divide the targets' log odds by a temperature: below one sharpens, above one softens.

    Guo et al. 2017 (temperature scaling), Hinton et al. 2015 (distillation with soft targets).
    """
    return data.with_targets(expit(log_odds(data.targets) / temperature))


@operator(family="confidence weighting", stage="labels")
def prior_correction(data: TrainingSet, *, share: Annotated[float, Float(0.2, 0.8)] = 0.5) -> TrainingSet:
    """Shift all log odds by one constant so that the mean target becomes the given share of class 1.

    Saerens, Latinne and Decaestecker 2002, with the prior given instead of estimated.
    """
    return data.with_targets(shift_to_mean(data.targets, share))


def shift_to_mean(targets: FloatArray, mean: float) -> FloatArray:
    """Return the targets with all log odds shifted by one constant so that their mean is `mean`."""
    from scipy.optimize import brentq  # slow import, see `geometry`

    odds = log_odds(targets)
    shift = brentq(lambda by: float(expit(odds + by).mean()) - mean, -25, 25)
    return np.asarray(expit(odds + shift), dtype=np.float64)


@operator(family="unsupervised elicitation", stage="labels")
def project_relations(
    data: TrainingSet,
    *,
    rounds: Annotated[int, Int(1, 5)] = 2,
    strength: Annotated[float, Float(0.1, 1.0)] = 1.0,
) -> TrainingSet:
    """Make the targets of related items consistent with each other.

    Moves the targets of a pair towards what the relation implies, by `strength`, `rounds` times (`relations.project`).
    """
    if not len(data.relations):
        return data.warn(NO_RELATIONS)
    return data.with_targets(project(data.targets, data.relations, rounds=rounds, strength=strength))


@operator(family="other", stage="labels")
def noisy_channel_em(
    data: TrainingSet,
    *,
    rounds: Annotated[int, Int(2, 15)] = 10,
    l2: Annotated[float, Float(1e-3, 0.3, "log")] = 1e-2,
    bins: Annotated[int, Int(2, 6)] = 4,
    posterior: Annotated[Literal["joint", "student"], Choice("joint", "student")] = "joint",
) -> TrainingSet:
    """Infer the true labels by EM: a logistic prior on the features, a noisy channel from label to teacher score.

    Raykar et al. 2010, with a channel over `bins` quantile bins of the teacher's score instead of hard votes. The new
    target is the posterior given features and teacher (`joint`), or given the features alone (`student`).
    """
    bin_of = _quantile_bins(data.weak_labels, bins)
    targets, student = data.targets, None
    prior = targets
    for _ in range(rounds):
        student = fit(data.features, targets, l2=l2, start=student)
        prior = np.clip(student.predict(data.features), 1e-3, 1 - 1e-3)
        targets = expit(log_odds(prior) + _channel_log_ratio(bin_of, targets))
    return data.relabelled(targets if posterior == "joint" else prior)


def _quantile_bins(scores: FloatArray, bins: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the (n,) numbers of the scores' quantile bins; equal scores share a bin."""
    return np.digitize(scores, np.unique(np.quantile(scores, np.linspace(0, 1, bins + 1)[1:-1])))


def _channel_log_ratio(bin_of: np.ndarray[tuple[int], np.dtype[np.intp]], posterior: FloatArray) -> FloatArray:
    """Return (n,) log P(bin | label 1) - log P(bin | label 0), with add-one smoothing."""
    ones, zeros = (np.bincount(bin_of, p) + 1 for p in (posterior, 1 - posterior))
    ratio = np.log(ones / ones.sum()) - np.log(zeros / zeros.sum())
    return np.asarray(ratio[bin_of], dtype=np.float64)
