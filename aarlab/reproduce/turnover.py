"""Turnover: agents that leave and are replaced by new ones."""

import numpy as np

from aarlab.scenarios.search_problems.knowledge_vector import SignArray, random_beliefs


def replaced(random: np.random.Generator, beliefs: SignArray, probability: float) -> SignArray:
    """Return the beliefs after turnover: each agent is replaced with this probability by one with random beliefs.

    Args:
        random: Source of the replacements. Nothing is drawn if the probability is 0.
        beliefs: (..., agents, dimensions) beliefs.
        probability: In [0, 1].
    """
    if not probability:
        return beliefs
    leaves = random.random(beliefs.shape[:-1]) < probability
    return np.where(leaves[..., None], random_beliefs(random, *beliefs.shape), beliefs)
