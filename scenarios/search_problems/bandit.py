"""A bandit of two arms with nearly equal success probabilities (Bala and Goyal 1998, Zollman 2007)."""

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TwoArmedBandit:
    """A known arm with success probability 1/2, and a new arm that is better by `epsilon`.

    Agents know that the new arm is better or worse by `epsilon`, and do not know which.
    """

    epsilon: float
    """Advantage of the new arm, in (0, 0.5)."""
    pulls: int
    """Pulls of an agent in a round, at least 1."""

    def __post_init__(self) -> None:
        if not 0 < self.epsilon < 0.5:
            raise ValueError(f"epsilon is {self.epsilon:g}; it must lie between 0 and 0.5")
        if self.pulls < 1:
            raise ValueError(f"pulls is {self.pulls}; it must be at least 1")

    def log_likelihood_ratios(self, random: np.random.Generator, pulling: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return what a round of pulls of the new arm says for "better" against "worse".

        Args:
            random: Source of the successes.
            pulling: (...) whether each agent pulls the new arm.

        Returns:
            (...) log of the likelihood ratio of the successes; 0 for agents that pull the known arm.
        """
        successes = np.zeros(pulling.shape, dtype=np.int64)
        successes[pulling] = random.binomial(self.pulls, 0.5 + self.epsilon, int(pulling.sum()))
        per_success = log((0.5 + self.epsilon) / (0.5 - self.epsilon))
        return np.where(pulling, (2 * successes - self.pulls) * per_success, 0.0)
