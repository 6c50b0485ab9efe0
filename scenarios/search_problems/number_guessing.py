"""Guessing a number between 0 and 100 whose payoff has one or several peaks (Mason, Jones and Goldstone 2008)."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

MAX_GUESS = 100
"""Guesses are numbers from 0 to MAX_GUESS."""
_WIDTH = 12.0
"""Standard deviation of the peak of the unimodal payoff."""
_NARROW_WIDTH = 5.0
"""Standard deviation of the peaks of the multimodal payoff."""
_LOCAL_HEIGHT = 0.7
"""Payoff of the two local maxima of the multimodal payoff."""
_GAP = 20.0
"""Minimum distance between two peaks of the multimodal payoff."""


class GuessingProblem:
    """The payoffs of guesses in (problems,) seeded problems, with a maximum of 1.

    Args:
        random: Source of the positions of the peaks, uniform in [10, 90].
        problems: Number of problems.
        shape: `unimodal`: one wide normal peak. `multimodal`: three narrow normal peaks, of which one is highest.
    """

    def __init__(
        self, random: np.random.Generator, problems: int, shape: Literal["unimodal", "multimodal"] = "unimodal"
    ) -> None:
        self.shape = shape
        if shape == "unimodal":
            self.peaks: FloatArray = random.uniform(10, 90, (problems, 1))
            """(problems, peaks) positions, the global maximum first."""
            self.heights: FloatArray = np.ones(1)
            self.width = _WIDTH
        else:
            self.peaks = _separated_peaks(random, problems)
            self.heights = np.array([1.0, _LOCAL_HEIGHT, _LOCAL_HEIGHT])
            self.width = _NARROW_WIDTH

    def payoff(self, guesses: FloatArray) -> FloatArray:
        """Return the (problems, ...) payoffs in [0, 1] of (problems, ...) guesses."""
        peaks = self.peaks.reshape(len(self.peaks), *[1] * (guesses.ndim - 1), -1)
        heights = self.heights * np.exp(-0.5 * ((guesses[..., None] - peaks) / self.width) ** 2)
        return np.asarray(heights.max(axis=-1))


def _separated_peaks(random: np.random.Generator, problems: int) -> FloatArray:
    """Return (problems, 3) positions in [10, 90] in random order, at least _GAP apart."""
    # Uniform over all separated triples: sorted positions on a shorter line, moved apart.
    line = np.sort(random.uniform(10, 90 - 2 * _GAP, (problems, 3)), axis=1) + _GAP * np.arange(3)
    return np.asarray(random.permuted(line, axis=1))
