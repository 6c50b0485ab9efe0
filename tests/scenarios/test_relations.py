"""Projection of targets on known relations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarlab.scenarios import toolkit as tk

probabilities = st.floats(0.02, 0.98)


def pair(kind: int) -> tk.IntArray:
    return np.array([[0, 1, kind]])


@given(probabilities, probabilities)
def test_projection_of_same_and_opposite_pairs(a: float, b: float) -> None:
    same = tk.project(np.array([a, b]), pair(tk.SAME))
    assert same[0] == pytest.approx(same[1])
    opposite = tk.project(np.array([a, b]), pair(tk.OPPOSITE))
    assert opposite.sum() == pytest.approx(1)


@given(probabilities, probabilities)
def test_not_both_projection_is_bayes_rule(a: float, b: float) -> None:
    projected = tk.project(np.array([a, b]), pair(tk.NOT_BOTH))
    expected = np.array([a * (1 - b), b * (1 - a)]) / (1 - a * b)
    assert projected == pytest.approx(np.clip(expected, 1e-3, 1 - 1e-3), abs=1e-9)


@given(st.lists(probabilities, min_size=6, max_size=6), st.integers(1, 4), st.floats(0, 1))
def test_items_without_relations_keep_their_targets(values: list[float], rounds: int, strength: float) -> None:
    targets = np.array(values)
    relations = np.array([[0, 1, tk.SAME], [1, 2, tk.OPPOSITE], [2, 0, tk.NOT_BOTH]])
    projected = tk.project(targets, relations, rounds=rounds, strength=strength)
    assert projected[3:] == pytest.approx(targets[3:])
    assert ((projected > 0) & (projected < 1)).all()


def test_violations_are_counted_per_relation() -> None:
    relations = np.array([[0, 1, tk.SAME], [0, 1, tk.OPPOSITE], [0, 1, tk.NOT_BOTH], [2, 0, tk.SAME]])
    assert tk.violations(np.array([0.9, 0.8, 0.1]), relations) == 0.75
    assert tk.violations(np.array([0.9]), np.empty((0, 3), dtype=np.int64)) is None
