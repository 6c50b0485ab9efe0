"""How a student that was pretrained to compute sees a claimed result: its own answer, and how sure it is."""

from dataclasses import dataclass

import numpy as np

from aarlab.scenarios.tasks.mlp import Float32Array
from aarlab.scenarios.toolkit.inputs import NOT_BOTH, SAME, BoolArray, FloatArray, IntArray

HIDDEN_DIRECTIONS = 16
"""Random directions of the hidden state that are among the features."""


@dataclass(frozen=True, slots=True, eq=False)
class NetworkOutput:
    """What a pretrained network makes of n questions whose answers have several digits."""

    log_probabilities: Float32Array
    """(n, digits, 10) of each digit of the answer."""
    hidden: Float32Array
    """(n, width) last hidden layer."""


def claim_features(
    output: NetworkOutput, claimed: IntArray, rng: np.random.Generator, *, belief: float, hidden: float
) -> FloatArray:
    """Return the (n, ...) features of claims: the student's belief in the claimed digits, its doubts, its hidden state.

    Args:
        thought: what the student makes of the questions.
        claimed: (n, digits) the claimed answers.
        rng: draws the directions in which the hidden state is shown.
        belief: scale of the student's belief in the claim; the smaller, the harder for a readout to find.
        hidden: scale of the hidden state.
    """
    log_p = output.log_probabilities.astype(np.float64)
    p = np.exp(log_p)
    claimed_log_p = np.take_along_axis(log_p, claimed[:, :, None], axis=2)[:, :, 0]
    clipped = np.clip(claimed_log_p, -8, 0) / 4
    first_choice = (claimed_log_p >= log_p.max(axis=2) - 1e-6).astype(np.float64)
    doubt = -(p * log_p).sum(axis=2)
    directions = rng.normal(size=(output.hidden.shape[1], HIDDEN_DIRECTIONS))
    shown = output.hidden @ directions
    return np.column_stack(
        [
            belief * clipped,
            belief * np.exp(claimed_log_p),
            belief * first_choice,
            belief * clipped.sum(axis=1) / 2,
            belief * np.exp(claimed_log_p.sum(axis=1)),
            doubt,
            doubt.mean(axis=1) * clipped.mean(axis=1),
            hidden * (shown - shown.mean(axis=0)) / (shown.std(axis=0) + 1e-6),
        ]
    )


def one_hot(values: IntArray, size: int) -> Float32Array:
    """Return (n, size) indicator rows of (n,) numbers below `size`."""
    return np.eye(size, dtype=np.float32)[values]


def pair_relations(same_claim: BoolArray, share: float) -> IntArray:
    """Return the relations that are known between the two claims on each of p problems; item i + p is the twin of i.

    Two different answers to a problem are not both right, equal ones are both right or wrong. The relation is known for
    the first `share` of the problems.
    """
    known = np.arange(int(share * len(same_claim)))
    kind = np.where(same_claim[known], SAME, NOT_BOTH)
    return np.column_stack([known, known + len(same_claim), kind])
