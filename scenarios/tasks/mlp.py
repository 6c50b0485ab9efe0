"""A small multilayer perceptron in float32 for pretraining students, with categorical or regression outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """An MLP with rectified hidden layers and a linear output."""

    matrices: tuple[Float32Array, ...]
    biases: tuple[Float32Array, ...]

    @classmethod
    def random(cls, widths: tuple[int, ...], rng: np.random.Generator) -> Self:
        """Return an untrained network of the given widths, including input and output (He et al. 2015)."""
        gains = [2.0] * (len(widths) - 2) + [1.0]
        layers = zip(widths, widths[1:], gains, strict=False)
        matrices = tuple((rng.normal(size=(a, b)) * np.sqrt(gain / a)).astype(np.float32) for a, b, gain in layers)
        return cls(matrices, tuple(np.zeros(width, np.float32) for width in widths[1:]))

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the network saved by `arrays`."""
        depth = len(arrays) // 2
        return cls(tuple(arrays[f"matrix{i}"] for i in range(depth)), tuple(arrays[f"bias{i}"] for i in range(depth)))

    def arrays(self) -> dict[str, Float32Array]:
        """Return the weights by name, for saving."""
        matrices = {f"matrix{i}": matrix for i, matrix in enumerate(self.matrices)}
        return matrices | {f"bias{i}": bias for i, bias in enumerate(self.biases)}

    def activations(self, inputs: npt.NDArray[Any]) -> list[Float32Array]:
        """Return the inputs, every hidden layer and the output, each with one row per input row."""
        layers = [inputs.astype(np.float32, copy=False)]
        for matrix, bias in zip(self.matrices[:-1], self.biases[:-1], strict=True):
            layers.append(np.maximum(layers[-1] @ matrix + bias, 0))
        return [*layers, layers[-1] @ self.matrices[-1] + self.biases[-1]]


def log_softmax(outputs: Float32Array, heads: int) -> Float32Array:
    """Return (n, heads, classes) log probabilities from (n, heads * classes) outputs."""
    logits = outputs.reshape(len(outputs), heads, -1)
    logits = logits - logits.max(axis=2, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=2, keepdims=True)), dtype=np.float32)


def train(
    network: Network,
    inputs: Float32Array,
    targets: npt.NDArray[Any],
    rng: np.random.Generator,
    *,
    loss: Literal["categorical", "squared"],
    epochs: int,
    batch: int,
    learning_rate: float,
    input_noise: float = 0.0,
    progress: Callable[[float], None] | None = None,
) -> Network:
    """Return the network trained by Adam (Kingma and Ba 2015) with a step size that falls linearly to a twentieth.

    Args:
        network: Initial weights.
        inputs: (n, widths[0]).
        targets: (n, heads) class numbers for `categorical` heads of equal size, (n, widths[-1]) values for `squared`.
        rng: Draws the batches and the noise.
        loss: Cross-entropy summed over the heads, or half the squared error.
        epochs: Passes over the items.
        batch: Items per step.
        learning_rate: Initial step size.
        input_noise: Standard deviation of Gaussian noise on the inputs, for denoising.
        progress: Called once per epoch with the completed share of the steps.
    """
    optimiser = _Adam([*network.matrices, *network.biases])
    depth = len(network.matrices)
    steps = epochs * (len(inputs) // batch)
    for epoch in range(epochs):
        order = rng.permutation(len(inputs))
        for first in range(0, len(inputs) - batch + 1, batch):
            rows = order[first : first + batch]
            batch_inputs = inputs[rows]
            if input_noise:
                batch_inputs = batch_inputs + input_noise * rng.standard_normal(batch_inputs.shape, dtype=np.float32)
            layers = network.activations(batch_inputs)
            error = _output_error(layers[-1], targets[rows], loss) / np.float32(batch)
            optimiser.step(
                _gradients(network, layers, error), learning_rate * (1 - 0.95 * (optimiser.steps + 1) / steps)
            )
            network = Network(tuple(optimiser.values[:depth]), tuple(optimiser.values[depth:]))
        if progress:
            progress((epoch + 1) / epochs)
    return network


def _output_error(outputs: Float32Array, targets: npt.NDArray[Any], loss: str) -> Float32Array:
    """Return the gradient of each row's loss by its outputs."""
    if loss == "squared":
        return np.asarray(outputs - targets, dtype=np.float32)
    heads = targets.shape[1]
    error = np.exp(log_softmax(outputs, heads))
    np.put_along_axis(error, targets[:, :, None], np.take_along_axis(error, targets[:, :, None], axis=2) - 1, axis=2)
    return np.asarray(error.reshape(outputs.shape), dtype=np.float32)


def _gradients(network: Network, layers: list[Float32Array], error: Float32Array) -> list[Float32Array]:
    """Return the gradients by all matrices, then by all biases, by backpropagation."""
    matrices: list[Float32Array] = []
    biases: list[Float32Array] = []
    for depth in range(len(network.matrices) - 1, -1, -1):
        matrices.insert(0, layers[depth].T @ error)
        biases.insert(0, error.sum(axis=0))
        if depth:
            error = (error @ network.matrices[depth].T) * (layers[depth] > 0)
    return matrices + biases


class _Adam:
    """Adam with decay rates .9 and .98."""

    def __init__(self, values: list[Float32Array]) -> None:
        self.values = [value.copy() for value in values]
        self.steps = 0
        self._first = [np.zeros_like(value) for value in values]
        self._second = [np.zeros_like(value) for value in values]

    def step(self, gradients: list[Float32Array], learning_rate: float) -> None:
        self.steps += 1
        size, scale = learning_rate / (1 - 0.9**self.steps), 1 / (1 - 0.98**self.steps)
        for value, gradient, first, second in zip(self.values, gradients, self._first, self._second, strict=True):
            first += np.float32(0.1) * (gradient - first)
            second += np.float32(0.02) * (gradient * gradient - second)
            value -= np.float32(size) * first / (np.sqrt(np.float32(scale) * second) + np.float32(1e-7))
