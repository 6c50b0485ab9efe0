"""Operators for a student that is a real model: how it is fine-tuned."""

from dataclasses import replace
from typing import Annotated

from aarlab.scenarios.toolkit.operators import fine_tuned_predictions, operator
from aarlab.scenarios.toolkit.selftraining import own_targets
from aarlab.scenarios.toolkit.settings import Flag, Float, Int
from aarlab.scenarios.toolkit.trainingset import TrainingSet


@operator(family="other", stage="student", fine_tunes=True)
def schedule(
    data: TrainingSet,
    *,
    epochs: Annotated[int, Int(1, 4)] = 2,
    rate: Annotated[float, Float(0.2, 5.0, "log")] = 1.0,
) -> TrainingSet:
    """Set the epochs of the next fine-tunings, and a factor of their learning rate."""
    assert data.fine_tuning is not None
    return replace(data, fine_tuning=replace(data.fine_tuning, epochs=epochs, rate=rate))


@operator(family="loss function", stage="student", fine_tunes=True)
def confidence_loss(data: TrainingSet, *, alpha: Annotated[float, Float(0.1, 0.9)] = 0.5) -> TrainingSet:
    """Fine-tune next with the auxiliary confidence loss, which strengthens the model's own predictions.

    Burns et al. 2023, equation 1; `alpha` is the final weight of the predictions.
    """
    assert data.fine_tuning is not None
    return replace(data, fine_tuning=replace(data.fine_tuning, alpha=alpha))


@operator(family="self-training", stage="labels", fine_tunes=True)
def second_round(
    data: TrainingSet,
    *,
    blend: Annotated[float, Float(0.1, 1.0)] = 1.0,
    hard: Annotated[bool, Flag()] = False,
    centre: Annotated[bool, Flag()] = True,
) -> TrainingSet:
    """Fine-tune the student now, and use its predictions as the next targets of all items.

    Lee 2013 (pseudo-labels). `blend` is the share of the student in the new targets, `hard` uses its classes instead of
    its probabilities, `centre` shifts its log odds to median zero so that both classes stay equally large.
    """
    own = own_targets(fine_tuned_predictions(data, "unlabelled"), hard=hard, centre=centre)
    return data.relabelled(blend * own + (1 - blend) * data.targets)
