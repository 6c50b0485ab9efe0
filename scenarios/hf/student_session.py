"""The service that trains the strong student for one method on one world. Requests come from untrusted code."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from aarlab.scenarios.toolkit.inputs import FloatArray, IntArray, RefusedRequest
from aarlab.scenarios.toolkit.randomness import generator

if TYPE_CHECKING:  # it imports torch
    from aarlab.scenarios.hf.fine_tuner import FineTuner, TrainedWeights, TrainingSettings

_N = TypeVar("_N", int, float)

MAX_EPOCHS = 8
MAX_ALPHA = 0.95
MIN_RATE, MAX_RATE = 0.1, 10.0
MIN_TRAINED_ITEMS = 4
MAX_SEED = 1 << 31


class StudentSession:
    """Fine-tunings and predictions for one method, and the time that they take. It knows no labels.

    The budget is counted in passes over the training set: a training on half of the items for two epochs is one pass.
    """

    def __init__(
        self,
        tuner: "FineTuner",
        items: Mapping[str, IntArray],
        settings: "TrainingSettings",
        *,
        seed: int,
        max_passes: float,
    ) -> None:
        """Start a session.

        Args:
            tuner: The strong model.
            items: Positions of the `unlabelled` and the `test` items.
            settings: Training settings that a request does not change.
            seed: Seed of the world for methods.
            max_passes: Passes over the training set that one method may use.
        """
        self._tuner, self._items, self._settings = tuner, items, settings
        self._seed, self._passes_left = seed, max_passes
        self._max_passes = max_passes
        self._trained: TrainedWeights | None = None
        self._number = 0
        self.device, self.seconds = tuner.device_name, 0.0

    def __call__(self, request: Mapping[str, Any], arrays: FloatArray) -> FloatArray:
        """Return the answer to a request of `Inputs.finetune` or `Inputs.predict`.

        Raises:
            RefusedRequest: The request is invalid, the budget is used up, or the training diverged.
            UnusableModel: The model does not fit in memory.
        """
        with self._tuner.alone():
            started = time.monotonic()
            try:
                return self._answer(request, arrays)
            finally:
                self.seconds += time.monotonic() - started

    def _answer(self, request: Mapping[str, Any], arrays: FloatArray) -> FloatArray:
        match request.get("call"):
            case "finetune":
                return self._finetune(request, arrays)
            case "predict":
                return self._predict(request)
        raise RefusedRequest("a request is finetune or predict")

    def _finetune(self, request: Mapping[str, Any], arrays: FloatArray) -> FloatArray:
        n = len(self._items["unlabelled"])
        if arrays.shape != (2, n) or not np.isfinite(arrays).all():
            raise RefusedRequest(f"targets and weights must be {n} finite numbers each")
        targets, weights = arrays
        if targets.min() < 0 or targets.max() > 1 or weights.min() < 0:
            raise RefusedRequest("targets must be probabilities in [0, 1], and weights must not be negative")
        kept = int((weights > 0).sum())
        if kept < MIN_TRAINED_ITEMS:
            raise RefusedRequest(f"{kept} items have a weight above 0; at least {MIN_TRAINED_ITEMS} are needed")
        settings = self._checked_settings(request)
        passes = settings.epochs * kept / n
        if passes > self._passes_left + 1e-9:
            raise RefusedRequest(
                f"this training needs {passes:.1f} passes over the training set, and {self._passes_left:.1f} of "
                f"{self._max_passes:g} are left for the method"
            )
        self._passes_left -= passes
        seed = int(generator("student", self._seed, _number(request, "seed", 0, MAX_SEED, int)).integers(2**31))
        try:
            self._trained = self._tuner.finetune(self._items["unlabelled"], targets, weights, settings, seed=seed)
        except FloatingPointError as error:
            raise RefusedRequest(str(error)) from None
        self._number += 1
        return np.array([self._number, self._trained.loss])

    def _checked_settings(self, request: Mapping[str, Any]) -> "TrainingSettings":
        epochs = self._settings.epochs
        if request.get("epochs") is not None:
            epochs = _number(request, "epochs", 1, MAX_EPOCHS, int)
        rate = self._settings.learning_rate * _number(request, "rate", MIN_RATE, MAX_RATE, float)
        alpha = _number(request, "alpha", 0.0, MAX_ALPHA, float)
        return replace(self._settings, epochs=epochs, learning_rate=rate, alpha=alpha)

    def _predict(self, request: Mapping[str, Any]) -> FloatArray:
        items = request.get("items")
        if not isinstance(items, str) or items not in self._items:
            raise RefusedRequest(f"items must be one of {', '.join(self._items)}")
        if self._trained is None or request.get("student") != self._number:
            raise RefusedRequest("only the student that was trained last can predict")
        return self._tuner.predict(self._trained, self._items[items], batch=self._settings.batch)


def _number(request: Mapping[str, Any], name: str, low: float, high: float, kind: type[_N]) -> _N:
    """Return a number of a request. Raises RefusedRequest unless it is one from low to high."""
    value = request.get(name)
    if isinstance(value, bool) or not isinstance(value, int | (float if kind is float else int)):
        raise RefusedRequest(f"{name} must be a number from {low:g} to {high:g}")
    if not low <= value <= high:
        raise RefusedRequest(f"{name} must be a number from {low:g} to {high:g}, not {value:g}")
    return kind(value)
