"""March's problem: beliefs about a reality of many binary dimensions (March 1991).

Reality is 1 or -1 in each dimension. A belief is 1, 0 (none) or -1.
"""

import numpy as np
from numpy.typing import NDArray

SignArray = NDArray[np.int8]
"""Elements are -1, 0 or 1."""


def random_reality(random: np.random.Generator, *shape: int) -> SignArray:
    """Return an array of this shape; each dimension is 1 or -1 with equal probability."""
    return 2 * random.integers(0, 2, shape, dtype=np.int8) - 1


def random_beliefs(random: np.random.Generator, *shape: int) -> SignArray:
    """Return an array of this shape; each belief is 1, 0 or -1 with equal probability."""
    return random.integers(-1, 2, shape, dtype=np.int8)


def knowledge(beliefs: SignArray, reality: SignArray) -> NDArray[np.float64]:
    """Return correct minus false beliefs as a share of all dimensions, in [-1, 1].

    Args:
        beliefs: (..., dimensions) beliefs.
        reality: (..., dimensions) reality, broadcast against the beliefs.
    """
    return np.asarray((beliefs * reality).sum(axis=-1, dtype=np.int64) / beliefs.shape[-1])


def block_payoff(beliefs: SignArray, reality: SignArray, block: int) -> NDArray[np.float64]:
    """Return the share of blocks of dimensions in which all beliefs are correct, in [0, 1].

    With more dimensions in a block, they depend on each other more: a block counts only as a whole. Source: Fang, Lee
    and Schilling (2010), whose payoff is this share times the number of dimensions.

    Args:
        beliefs: (..., dimensions) beliefs.
        reality: (..., dimensions) reality, broadcast against the beliefs.
        block: Dimensions in a block; divides the number of dimensions.

    Raises:
        ValueError: The dimensions cannot be divided into such blocks.
    """
    correct = beliefs == reality
    if block < 1 or correct.shape[-1] % block:
        raise ValueError(f"{correct.shape[-1]} dimensions cannot be divided into blocks of {block}")
    return np.asarray(correct.reshape(*correct.shape[:-1], -1, block).all(axis=-1).mean(axis=-1))
