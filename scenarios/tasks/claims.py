"""Items that claim an answer to a question: the features of a student pretrained to answer, and pairs of claims."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from aarlab.scenarios.tasks.mlp import Float32Array
from aarlab.scenarios.tasks.world_builder import Items
from aarlab.scenarios.toolkit.inputs import NOT_BOTH, SAME, BoolArray, FloatArray, IntArray

HIDDEN_DIRECTIONS = 16
"""Random directions onto which the hidden state is projected."""


@dataclass(frozen=True, slots=True, eq=False)
class NetworkOutput:
    """Output of a pretrained network for n questions with answers of several digits."""

    log_probabilities: Float32Array
    """(n, digits, 10) of each digit of the answer."""
    hidden: Float32Array
    """(n, width) last hidden layer."""


def claim_features(
    output: NetworkOutput, claimed: IntArray, rng: np.random.Generator, *, belief: float, hidden: float
) -> FloatArray:
    """Return (n, d) features of claims: the student's belief in the claimed digits, its uncertainty, its hidden state.

    Args:
        output: The student's output for the questions.
        claimed: (n, digits) claimed answers.
        rng: Draws the directions onto which the hidden state is projected.
        belief: Scale of the belief features; smaller values make them harder to find for a readout.
        hidden: Scale of the hidden state.
    """
    log_p = output.log_probabilities.astype(np.float64)
    p = np.exp(log_p)
    claimed_log_p = np.take_along_axis(log_p, claimed[:, :, None], axis=2)[:, :, 0]
    clipped = np.clip(claimed_log_p, -8, 0) / 4
    first_choice = (claimed_log_p >= log_p.max(axis=2) - 1e-6).astype(np.float64)
    entropy = -(p * log_p).sum(axis=2)
    directions = rng.normal(size=(output.hidden.shape[1], HIDDEN_DIRECTIONS))
    projected = output.hidden @ directions
    return np.column_stack(
        [
            belief * clipped,
            belief * np.exp(claimed_log_p),
            belief * first_choice,
            belief * clipped.sum(axis=1) / 2,
            belief * np.exp(claimed_log_p.sum(axis=1)),
            entropy,
            entropy.mean(axis=1) * clipped.mean(axis=1),
            hidden * (projected - projected.mean(axis=0)) / (projected.std(axis=0) + 1e-6),
        ]
    )


def biased_sample(labels: IntArray, bias: FloatArray, count: int, rng: np.random.Generator) -> IntArray:
    """Return `count` different rows, in which an item of bias b has label 1 with log odds 2 b.

    Rows are drawn without replacement, with a weight of sigmoid(b) for label 1 and sigmoid(-b) for label 0. `bias` is
    (n,) and the labels are balanced. Training sets of real teachers are biased in the same way: some sources were
    right more often.
    """
    weights = expit(np.where(labels == 1, bias, -bias))
    return np.asarray(rng.choice(len(labels), count, replace=False, p=weights / weights.sum()), dtype=np.int64)


def biased_sources(labels: IntArray, bias: FloatArray, rng: np.random.Generator) -> IntArray:
    """Return the (n,) sources of items with these (n,) labels; items of source j have label 1 with log odds 2 bias[j].

    `bias` is (k,), and the labels are balanced.
    """
    weights = expit(np.where(labels[:, None] == 1, bias, -bias)).cumsum(axis=1)
    drawn = rng.random(len(labels)) * weights[:, -1]
    return np.asarray((drawn[:, None] > weights).sum(axis=1), dtype=np.int64)


def one_hot(values: IntArray, size: int) -> Float32Array:
    """Return (n, size) indicator rows of (n,) numbers below `size`."""
    return np.eye(size, dtype=np.float32)[values]


def pair_relations(same_claim: BoolArray, share: float, *, different_every: int) -> IntArray:
    """Return the (r, 3) known relations between the two claims on each of p questions; items i and i + p are a pair.

    Equal claims have the same label, and at most one of two different claims is right. The relation of equal claims is
    known for the first `share` of the questions, that of different claims for one in `different_every` of them.
    """
    known = np.arange(int(share * len(same_claim)))
    kind = np.where(same_claim[known], SAME, NOT_BOTH)
    related = np.column_stack([known, known + len(same_claim), kind])
    return np.asarray(related[same_claim[known] | (known % different_every == 0)], dtype=np.int64)


def question_rows(teacher: int, pairs: int, test: int) -> IntArray:
    """Return the question of each item: teacher examples, first claims of all pairs, second claims, test items."""
    index = np.arange(teacher + pairs + test)
    return np.concatenate([index[: teacher + pairs], index[teacher:]])


def claim_items(
    features: FloatArray, labels: IntArray, weak_labels: FloatArray, relations: IntArray, *, pairs: int
) -> Items:
    """Return the items of a world: the first 2 * `pairs` rows are unlabelled items, the others test items."""
    train, test = slice(2 * pairs), slice(2 * pairs, None)
    return Items(
        features=features[train],
        labels=labels[train],
        weak_labels=weak_labels[train],
        test_features=features[test],
        test_labels=labels[test],
        test_weak_labels=weak_labels[test],
        relations=relations,
    )
