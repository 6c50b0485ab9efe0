"""Declaring operators: checked settings, repaired results, log entries and the catalogue."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Concatenate, Literal, ParamSpec, cast, get_args, get_type_hints

import numpy as np

from aarlab.scenarios.toolkit.diagnostics import (
    FEATURES_NOT_FINITE,
    MIN_KEPT,
    ONE_TARGET,
    TARGETS_NOT_FINITE,
    TOO_FEW_KEPT,
    log_entry,
    rounded,
)
from aarlab.scenarios.toolkit.inputs import FloatArray, Inputs, ItemSet
from aarlab.scenarios.toolkit.settings import SettingType
from aarlab.scenarios.toolkit.student import fit_readout
from aarlab.scenarios.toolkit.trainingset import TrainingSet

Family = Literal[
    "self-training",
    "ensemble",
    "distillation",
    "data filtering",
    "confidence weighting",
    "loss function",
    "unsupervised elicitation",
    "curriculum",
    "model internal",
    "evolutionary",
    "other",
]
FAMILIES: tuple[str, ...] = get_args(Family)
"""The eleven families of ideas in the study of Wen et al. 2026."""

Stage = Literal["representation", "labels", "selection", "student"]
"""The part that an operator changes: features, targets, weights, or the fit of the final student."""

P = ParamSpec("P")
_Operator = Callable[Concatenate[TrainingSet, P], TrainingSet]


@dataclass(frozen=True, slots=True)
class OperatorSpec:
    """Catalogue entry of an operator."""

    name: str
    family: Family
    stage: Stage
    about: str
    settings: Mapping[str, SettingType]
    defaults: Mapping[str, object]
    trains_student: bool
    """Whether it is for methods of weak-to-strong supervision; otherwise for methods of a search problem."""
    fine_tunes: bool
    """Whether it needs a student that is a real model."""

    def describe(self) -> dict[str, Any]:
        """Return the entry as JSON-able data."""
        settings = {name: {**kind.describe(), "default": self.defaults[name]} for name, kind in self.settings.items()}
        return {
            "name": self.name,
            "family": self.family,
            "stage": self.stage,
            "about": self.about,
            "settings": settings,
        }

    def check(self, settings: Mapping[str, object]) -> None:
        """Raise ValueError for the first setting that is unknown or out of range."""
        for name, value in settings.items():
            if name not in self.settings:
                known = ", ".join(self.settings) or "none"
                raise ValueError(f"{self.name} has no setting {name!r}; it has: {known}")
            if allowed := self.settings[name].problem(value):
                raise ValueError(f"{self.name}: {name} must be {allowed}, not {value!r}")


_OPERATORS: dict[str, OperatorSpec] = {}


def operator(
    *, family: Family, stage: Stage, trains_student: bool = True, fine_tunes: bool = False
) -> Callable[[_Operator[P]], _Operator[P]]:
    """Return a decorator that declares a function from training set to training set as an operator.

    The keyword-only parameters of the function are the settings; each has a default and is annotated with its type, as
    in `rounds: Annotated[int, Int(1, 8)] = 3`. The operator checks them, repairs the result (targets in [0, 1], finite
    non-negative weights, at least `MIN_KEPT` items) and appends a log entry.
    """

    def declare(function: _Operator[P]) -> _Operator[P]:
        spec = _operator_spec(function, family, stage, trains_student=trains_student, fine_tunes=fine_tunes)
        _OPERATORS[spec.name] = spec

        @functools.wraps(function)
        def run(data: TrainingSet, /, *args: P.args, **settings: P.kwargs) -> TrainingSet:
            if args:
                raise ValueError(f"{spec.name} takes its settings by name, as in {spec.name}(s, setting=value)")
            spec.check(settings)
            if fine_tunes and data.fine_tuning is None:
                raise ValueError(f"{spec.name} is for tasks whose student is fine-tuned; here it is a readout")
            result = _repaired(function(data, **settings), before=data)  # type: ignore[call-arg]  # args is empty
            data.log.append(log_entry(spec.name, result))
            return replace(result, position=data.position + 1, warnings=())

        return run

    return declare


def catalogue(*, fine_tuned: bool = False) -> list[dict[str, Any]]:
    """Return the operators that train the student, sorted by name: name, family, stage, about and settings, as JSON.

    Args:
        fine_tuned: Whether the student is a real model. Operators that change the representation or the readout have
            no effect on it. Others use the readout of its features to change targets and weights.
    """
    specs = [_OPERATORS[name] for name in sorted(_OPERATORS) if _OPERATORS[name].trains_student]
    if fine_tuned:
        return [spec.describe() for spec in specs if spec.fine_tunes or spec.stage in ("labels", "selection")]
    return [spec.describe() for spec in specs if not spec.fine_tunes]


def operator_families() -> dict[str, str]:
    """Return the family of every operator by name, sorted by name. Operators of search problems are included."""
    return {name: _OPERATORS[name].family for name in sorted(_OPERATORS)}


def operator_entry(name: str) -> dict[str, Any]:
    """Return the catalogue entry of any operator. Raises KeyError if there is none of this name."""
    return _OPERATORS[name].describe()


def start(world: Inputs) -> TrainingSet:
    """Return the training set that uses the weak labels as targets, and start the log."""
    data = TrainingSet.of(world)
    data.log.append(log_entry("start", data))
    return replace(data, position=1)


def finish(data: TrainingSet) -> FloatArray:
    """Fit the student and return its (m,) probabilities of label 1 for the test items.

    The log entry has two more fields: `train_agreement`, the share of the weight on items for which the student
    reproduces the hardened target, and `test_balance`, the share of test items predicted as class 1. A student that is
    a real model is fine-tuned; its entry has no `train_agreement`.
    """
    if data.fine_tuning is not None:
        predictions = fine_tuned_predictions(data, "test")
        data.log.append(log_entry("finish", data) | {"test_balance": rounded((predictions > 0.5).mean())})
        return predictions
    student = fit_readout(data.features, data.targets, data.weights, readout=data.readout, l2=data.l2)
    predictions = student.predict(data.test_features)
    reproduced = (student.predict(data.features) > 0.5) == (data.targets > 0.5)
    if len(np.unique(data.targets[data.weights > 0] > 0.5)) < 2:
        data = data.warn(ONE_TARGET)
    data.log.append(
        log_entry("finish", data)
        | {
            "train_agreement": rounded(data.weights @ reproduced / data.weights.sum()),
            "test_balance": rounded((predictions > 0.5).mean()),
        }
    )
    return predictions


def fine_tuned_predictions(data: TrainingSet, items: ItemSet) -> FloatArray:
    """Fine-tune the student on the targets and weights, and return its probabilities for the items of the world."""
    how = data.fine_tuning
    assert how is not None, "the student is a readout"
    # With the same seed for all methods, differences between methods on a world have less noise.
    student = how.world.finetune(data.targets, data.weights, epochs=how.epochs, rate=how.rate, alpha=how.alpha)
    return how.world.predict(student, items)


def _operator_spec(
    function: _Operator[P], family: Family, stage: Stage, *, trains_student: bool, fine_tunes: bool
) -> OperatorSpec:
    """Return the catalogue entry of an operator from its signature and docstring."""
    hints = get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    settings = {p.name: cast(SettingType, get_args(hints[p.name])[1]) for p in parameters}
    spec = OperatorSpec(
        name=function.__name__,
        family=family,
        stage=stage,
        about=(inspect.getdoc(function) or "").partition("\n")[0],
        settings=settings,
        defaults={p.name: p.default for p in parameters},
        trains_student=trains_student,
        fine_tunes=fine_tunes,
    )
    spec.check(spec.defaults)
    return spec


def _repaired(data: TrainingSet, *, before: TrainingSet) -> TrainingSet:
    """Return the data with invalid values replaced, and a warning for each repair."""
    if not (np.isfinite(data.features).all() and np.isfinite(data.test_features).all()):
        data = data.with_features(before.features, before.test_features)
        data = data.warn(FEATURES_NOT_FINITE)
    if not np.isfinite(data.targets).all():
        data = data.with_targets(np.where(np.isfinite(data.targets), data.targets, before.targets))
        data = data.warn(TARGETS_NOT_FINITE)
    weights = np.where(np.isfinite(data.weights), np.maximum(data.weights, 0), 0)
    if (weights > 0).sum() < min(MIN_KEPT, len(weights)):
        weights = np.ones(len(weights))
        data = data.warn(TOO_FEW_KEPT)
    targets = np.clip(data.targets, 0, 1)
    return replace(data, targets=targets, weights=weights)
