"""Logic of known relations between the labels of two items."""

import numpy as np
from scipy.special import expit, logit

from aarlab.scenarios.toolkit.inputs import NOT_BOTH, OPPOSITE, SAME, BoolArray, FloatArray, IntArray


def log_odds(probabilities: FloatArray, *, margin: float = 1e-4) -> FloatArray:
    """Return the log odds of probabilities, clipped to [margin, 1 - margin] so that they are finite."""
    return np.asarray(logit(np.clip(probabilities, margin, 1 - margin)), dtype=np.float64)


def project(
    targets: FloatArray, relations: IntArray, *, rounds: int = 1, strength: float = 1.0, margin: float = 1e-3
) -> FloatArray:
    """Return (n,) targets in [margin, 1 - margin] that satisfy the relations better.

    Each relation proposes new log odds for both of its items: SAME their mean, OPPOSITE half their difference, NOT_BOTH
    their posterior by Bayes' rule given that not both hold. The new target of an item is the mean of its proposals,
    blended with the old target by `strength`; this is repeated `rounds` times.
    """
    n = len(targets)
    first, second, kind = relations.T
    items = np.concatenate([first, second])
    proposals_per_item = np.bincount(items, minlength=n)
    related = proposals_per_item > 0
    probabilities = np.clip(targets, margin, 1 - margin)
    for _ in range(rounds):
        odds = log_odds(probabilities)
        proposed = np.concatenate(_proposals(odds[first], odds[second], kind))
        means = np.bincount(items, proposed, n)[related] / proposals_per_item[related]
        moved = probabilities.copy()
        moved[related] = (1 - strength) * probabilities[related] + strength * expit(means)
        probabilities = np.clip(moved, margin, 1 - margin)
    return probabilities


def violations(targets: FloatArray, relations: IntArray) -> float | None:
    """Return the share of relations that the hardened targets violate; None without relations."""
    return float(violated_shares(targets[None] > 0.5, relations)[0]) if len(relations) else None


def violated_shares(positive: BoolArray, relations: IntArray) -> FloatArray:
    """Return the (c,) shares of relations that (c, n) assignments of items to class 1 violate; 0 without relations."""
    first, second, kind = relations.T
    violated = np.zeros(len(positive), dtype=np.int64)
    for relation, violates in ((SAME, np.not_equal), (OPPOSITE, np.equal), (NOT_BOTH, np.logical_and)):
        chosen = kind == relation
        if chosen.any():
            broken = violates(positive[:, first[chosen]], positive[:, second[chosen]])
            violated += np.count_nonzero(broken, axis=1)
    return violated / max(1, len(relations))


def _proposals(a: FloatArray, b: FloatArray, kind: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the (r,) log odds proposed for the first and the second items, given their log odds a and b."""
    # Given that not both hold, the odds of the first are p (1 - q) : (1 - p), and of the second likewise.
    alone_a, alone_b = a - np.logaddexp(0, b), b - np.logaddexp(0, a)
    kinds = [kind == SAME, kind == OPPOSITE, kind == NOT_BOTH]
    return (
        np.select(kinds, [(a + b) / 2, (a - b) / 2, alone_a], default=a),
        np.select(kinds, [(a + b) / 2, (b - a) / 2, alone_b], default=b),
    )
