"""Copying rules of scripted agents: what an agent takes over from the agents that it sees.

All rules read what was published by the end of the last round.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aarlab.reproduce.visibility import BoolArray, IntArray

FloatArray = NDArray[np.float64]

NOBODY = -1
"""Result of a rule that copies from no agent."""


def best_visible(payoffs: FloatArray, visible: BoolArray) -> IntArray:
    """Return the (runs, agents) index of the best visible agent; NOBODY for an agent that sees nobody.

    Args:
        payoffs: (runs, agents) published payoffs.
        visible: (agents, agents) matrix of the topology.
    """
    seen = np.where(visible, payoffs[:, None, :], -np.inf)
    return np.where(visible.any(axis=1), seen.argmax(axis=-1), NOBODY)


def best_member(random: np.random.Generator, payoffs: FloatArray, sampled: IntArray) -> IntArray:
    """Return the (runs, agents) best of the sampled agents; ties are broken at random.

    Args:
        random: Source of the order in which ties are broken.
        payoffs: (runs, agents) published payoffs.
        sampled: (size, runs, agents) agents that each agent looks at.
    """
    seen = _published(payoffs, sampled)
    return _one_of(random, seen == seen.max(axis=0), sampled)


def conformity(random: np.random.Generator, options: IntArray, sampled: IntArray) -> IntArray:
    """Return the (runs, agents) sampled agent with the most frequent option; NOBODY if all sampled options differ.

    Args:
        random: Source of the order in which ties are broken.
        options: (runs, agents) published options.
        sampled: (size, runs, agents) agents that each agent looks at.
    """
    seen = _published(options, sampled)
    counts = (seen[:, None] == seen[None, :]).sum(axis=0)
    most = counts.max(axis=0)
    return np.where(most == 1, NOBODY, _one_of(random, counts == most, sampled))


def pooled_evidence(log_likelihood_ratios: FloatArray, visible: BoolArray) -> FloatArray:
    """Return the (runs, agents) sum of an agent's own evidence and that of all visible agents.

    Added to the log odds of a belief, it is Bayes' rule for independent data.

    Args:
        log_likelihood_ratios: (runs, agents) evidence of the last round.
        visible: (agents, agents) matrix of the topology.
    """
    return np.asarray(log_likelihood_ratios + (visible * log_likelihood_ratios[:, None, :]).sum(axis=-1))


def superior_majority(beliefs: NDArray[np.int8], payoffs: FloatArray, visible: BoolArray) -> NDArray[np.int8]:
    """Return the majority belief among the visible agents with a higher payoff, by dimension.

    Args:
        beliefs: (agents, dimensions) published beliefs: 1, 0 or -1.
        payoffs: (agents,) published payoffs.
        visible: (agents, agents) matrix of the topology.

    Returns:
        (agents, dimensions) signs; 0 where there is no majority, or no superior agent.
    """
    superior = visible & (payoffs[None, :] > payoffs[:, None])
    # Sums of at most a few hundred signs are exact in single precision, whatever the order of the additions.
    votes = superior.astype(np.float32) @ beliefs.astype(np.float32)
    return np.sign(votes).astype(np.int8)


def _published(values: NDArray[Any], sampled: IntArray) -> NDArray[Any]:
    """Return the (size, runs, agents) values of the sampled agents."""
    return np.asarray(values[np.arange(len(values))[:, None], sampled])


def _one_of(random: np.random.Generator, eligible: BoolArray, sampled: IntArray) -> IntArray:
    """Return one eligible agent of each sample, with equal probability."""
    order = np.where(eligible, random.random(eligible.shape), -1.0).argmax(axis=0)
    return np.asarray(np.take_along_axis(sampled, order[None], axis=0)[0])
