"""Operators that train the student on its own predictions."""

from typing import Annotated

import numpy as np
from scipy.special import expit

from aarlab.scenarios.toolkit.inputs import FloatArray
from aarlab.scenarios.toolkit.item_selection import most_confident_of_each_class
from aarlab.scenarios.toolkit.operators import operator
from aarlab.scenarios.toolkit.relations import log_odds
from aarlab.scenarios.toolkit.settings import Flag, Float, Int
from aarlab.scenarios.toolkit.student import fit
from aarlab.scenarios.toolkit.trainingset import TrainingSet


@operator(family="self-training", stage="labels")
def self_train(
    data: TrainingSet,
    *,
    rounds: Annotated[int, Int(1, 6)] = 3,
    l2: Annotated[float, Float(1e-3, 1.0, "log")] = 1e-2,
    blend: Annotated[float, Float(0.1, 1.0)] = 1.0,
    hard: Annotated[bool, Flag()] = False,
    centre: Annotated[bool, Flag()] = False,
) -> TrainingSet:
    """Fit the student and use its predictions as the next targets, several times.

    Lee 2013 (pseudo-labels). `blend` is the share of the student in the new targets, `hard` uses its classes instead
    of its probabilities, `centre` shifts its log odds to median zero so that both classes stay equally large.
    """
    for _ in range(rounds):
        own = own_targets(data.fit(l2=l2).predict(data.features), hard=hard, centre=centre)
        data = data.relabelled(blend * own + (1 - blend) * data.targets)
    return data


@operator(family="self-training", stage="labels")
def progressive_self_train(
    data: TrainingSet,
    *,
    rounds: Annotated[int, Int(2, 10)] = 6,
    l2: Annotated[float, Float(1e-3, 0.5, "log")] = 3e-2,
    first_share: Annotated[float, Float(0.05, 0.5)] = 0.2,
) -> TrainingSet:
    """Self-train on the most confident items of each class, and on more of them every round.

    Cascante-Bonilla et al. 2021 (curriculum labelling). Both classes are cut at the median, so they stay equally large.
    """
    rng, targets = data.generator(), data.targets
    for round_index in range(rounds):
        share = first_share + (1 - first_share) * round_index / rounds
        weights = most_confident_of_each_class(targets, share, rng)
        targets = fit(data.features, above_median(targets), weights, l2=l2).predict(data.features)
    return data.relabelled(targets)


@operator(family="loss function", stage="labels")
def auxiliary_confidence(
    data: TrainingSet,
    *,
    alpha: Annotated[float, Float(0.1, 0.9)] = 0.6,
    rounds: Annotated[int, Int(2, 10)] = 6,
    l2: Annotated[float, Float(1e-3, 0.3, "log")] = 1e-3,
    median: Annotated[bool, Flag()] = True,
) -> TrainingSet:
    """Mix the student's own hardened predictions into the targets, with a weight that increases each round.

    Burns et al. 2023, equation 1 (auxiliary confidence loss); `alpha` is the final weight of the student, warmed up
    over the first half of the rounds. `median` hardens at the median instead of at one half, as they do.
    """
    harden = above_median if median else above_half
    student = fit(data.features, data.targets, data.weights, l2=l2)
    own = harden(student.predict(data.features))
    for round_index in range(1, rounds):
        trust = alpha * min(1.0, 2 * (round_index + 1) / rounds)
        mixed = (1 - trust) * data.targets + trust * own
        student = fit(data.features, mixed, data.weights, l2=l2, start=student)
        own = harden(student.predict(data.features))
    return data.with_targets((1 - alpha) * data.targets + alpha * own)


def own_targets(predicted: FloatArray, *, hard: bool, centre: bool) -> FloatArray:
    """Return a student's (n,) predictions as targets: `centre` shifts their log odds to median zero, `hard` hardens."""
    if centre:
        odds = log_odds(predicted)
        predicted = np.asarray(expit(odds - np.median(odds)), dtype=np.float64)
    return above_half(predicted) if hard else predicted


def above_half(probabilities: FloatArray) -> FloatArray:
    """Return 1.0 where a probability exceeds one half, else 0.0."""
    return np.asarray(probabilities > 0.5, dtype=np.float64)


def above_median(probabilities: FloatArray) -> FloatArray:
    """Return 1.0 where a probability exceeds the median of all, else 0.0."""
    return np.asarray(probabilities > np.median(probabilities), dtype=np.float64)
