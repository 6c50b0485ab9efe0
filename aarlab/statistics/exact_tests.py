"""Exact permutation tests for few runs. They assume no distribution, but cannot reach small p values.

With n pairs, the smallest two-sided p value is 2 / 2**n: .0625 for five pairs.
"""

from itertools import combinations, product
from math import comb

import numpy as np

from aarlab.statistics.estimates import ZERO_TOLERANCE, FloatArray

MAX_PAIRS = 12
"""More pairs are not enumerated."""
MAX_PERMUTATIONS = 20_000
"""More divisions of the runs between two arms are not enumerated."""


def sign_flip_p(paired_differences: FloatArray) -> float | None:
    """Return the two-sided p value of the sign-flip test of (n,) differences: mean zero, symmetric under the null.

    The share of all 2**n sign patterns with an absolute mean at least as large as the observed one (Fisher, 1935, The
    design of experiments, section 21). None for fewer than two or more than twelve pairs.
    """
    n = len(paired_differences)
    if not 2 <= n <= MAX_PAIRS:
        return None
    signs = np.array(list(product((-1.0, 1.0), repeat=n)))
    return _share_at_least(signs @ paired_differences / n, float(paired_differences.mean()))


def permutation_p(left: FloatArray, right: FloatArray) -> float | None:
    """Return the two-sided p value of the permutation test for equal distributions of two independent samples.

    The share of all divisions of the pooled values with an absolute difference of means at least as large as the
    observed one (Pitman, 1937). None for a single run in an arm or more than 20,000 divisions.
    """
    n, total = len(left), len(left) + len(right)
    if min(n, total - n) < 2 or comb(total, n) > MAX_PERMUTATIONS:
        return None
    pooled = np.concatenate([left, right])
    sums = pooled[np.array(list(combinations(range(total), n)))].sum(axis=1)
    return _share_at_least(sums / n - (pooled.sum() - sums) / (total - n), float(left.mean() - right.mean()))


def _share_at_least(permuted: FloatArray, observed: float) -> float:
    return float((np.abs(permuted) >= abs(observed) - ZERO_TOLERANCE).mean())
