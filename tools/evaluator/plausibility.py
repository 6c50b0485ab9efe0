"""The plausibility check: no honest method is expected to beat the strong student that was trained on the true labels.

A PGR of 1 is the accuracy of that student. A method that never saw a true label and is above it on many worlds has
probably computed the labels, or got them from elsewhere. The best recipes that a search over the toolkit found have at
most .96 on held-out worlds of the built-in tasks (`scenarios/task_room.json`). If the strong student of your own task
is badly trained, honest methods are reported, too.
"""

from scipy.special import stdtr

from aarlab.memory.events import Evaluation

MAX_P = 1e-5
"""A PGR above 1 is implausible if it would be measured with at most this probability by a method with a PGR of 1."""
_ROUNDING_SE = 0.005
"""PGR of experiments is rounded to two decimals."""


def p_of_strong_student(evaluation: Evaluation) -> float | None:
    """Return the probability that a method with a PGR of 1 is measured as high; None if it cannot be computed.

    One-sided t test over worlds (Student 1908) with `worlds - 1` degrees of freedom: two worlds alone convict nobody.
    """
    if evaluation.pgr is None or evaluation.se is None or evaluation.worlds < 2:
        return None
    se = max(evaluation.se, _ROUNDING_SE)
    return float(stdtr(evaluation.worlds - 1, (1 - evaluation.pgr) / se))


def is_implausible(evaluation: Evaluation) -> bool:
    """Return whether the PGR is above that of the strong student by more than chance explains."""
    p = p_of_strong_student(evaluation)
    return p is not None and p <= MAX_P
