"""Search problems: payoffs, ranges, maxima and seeds."""

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aarlab.scenarios.search_problems.bandit import TwoArmedBandit
from aarlab.scenarios.search_problems.knowledge_vector import block_payoff, knowledge, random_beliefs, random_reality
from aarlab.scenarios.search_problems.nk import Dependencies, NKLandscape, bits_of, codes_of
from aarlab.scenarios.search_problems.number_guessing import MAX_GUESS, GuessingProblem


@settings(max_examples=30)
@given(st.integers(0, 2**63), st.integers(1, 10), st.data())
def test_nk_payoffs_lie_in_0_1_and_the_maximum_is_1(seed: int, n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n - 1))
    landscape = NKLandscape(seed, n, k, exponent=8)
    payoffs = landscape.payoff(bits_of(np.arange(2**n), n))
    assert payoffs.shape == (2**n,)
    assert payoffs.min() >= 0
    assert payoffs.max() == landscape.payoff(landscape.best) == 1


@pytest.mark.parametrize("dependencies", ["random", "adjacent", "with-itself"])
def test_nk_payoff_is_the_mean_contribution_over_the_maximum(dependencies: Dependencies) -> None:
    landscape = NKLandscape(3, 8, 3, dependencies=dependencies)
    strings = bits_of(np.arange(2**8), 8)

    def mean_contribution(bits: Any) -> float:
        indices = [codes_of(bits[positions]) for positions in landscape.depends_on]
        return float(np.mean([landscape.contributions[i, index] for i, index in enumerate(indices)]))

    means = np.array([mean_contribution(bits) for bits in strings])
    assert np.allclose(landscape.payoff(strings), means / means.max())


def test_each_bit_depends_on_itself_and_on_k_distinct_others() -> None:
    for positions in NKLandscape(1, 12, 5).depends_on:
        assert len(set(positions)) == 6
    assert NKLandscape(1, 12, 5).depends_on[:, 0].tolist() == list(range(12))
    assert NKLandscape(1, 12, 2, dependencies="adjacent").depends_on[11].tolist() == [11, 0, 1]


def test_nk_without_interactions_has_one_peak() -> None:
    assert _peaks(NKLandscape(5, 10, 0)) == 1
    assert _peaks(NKLandscape(5, 10, 5)) > 3


def test_nk_landscape_depends_on_its_seed_alone() -> None:
    assert np.array_equal(NKLandscape(4, 8, 2).table, NKLandscape(4, 8, 2).table)
    assert not np.array_equal(NKLandscape(4, 8, 2).table, NKLandscape(5, 8, 2).table)


@given(st.integers(0, 2**12 - 1))
def test_codes_and_bits_are_inverse(code: int) -> None:
    assert codes_of(bits_of(np.asarray(code), 12)) == code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"n": 21}, "1 to 20 bits"), ({"n": 5, "k": 5}, "0 to 4 others"), ({"exponent": 0}, "above 0")],
)
def test_nk_refuses_sizes_outside_their_range(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        NKLandscape(1, **arguments)


def test_nk_refuses_strings_that_are_not_n_bits() -> None:
    with pytest.raises(ValueError, match="last axis must have 6"):
        NKLandscape(1, 6, 2).payoff(np.zeros(5))
    with pytest.raises(ValueError, match="other than 0 and 1"):
        NKLandscape(1, 6, 2).payoff(np.full(6, 2))


def _peaks(landscape: NKLandscape) -> int:
    """Return the number of strings that no single flip improves."""
    codes = np.arange(2**landscape.n)
    flipped = codes[:, None] ^ (1 << np.arange(landscape.n))
    return int((landscape.table[codes, None] > landscape.table[flipped]).all(axis=1).sum())


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from(["unimodal", "multimodal"]))
def test_guessing_payoffs_lie_in_0_1_with_maximum_1(seed: int, shape: Literal["unimodal", "multimodal"]) -> None:
    problem = GuessingProblem(np.random.default_rng(seed), 3, shape)
    payoffs = problem.payoff(np.tile(np.linspace(0, MAX_GUESS, 201), (3, 1)))
    assert payoffs.shape == (3, 201)
    assert payoffs.min() >= 0
    assert payoffs.max() <= 1
    assert problem.payoff(problem.peaks)[:, 0] == pytest.approx(np.ones(3))


def test_peaks_of_a_multimodal_payoff_are_apart() -> None:
    peaks = np.sort(GuessingProblem(np.random.default_rng(1), 200, "multimodal").peaks, axis=1)
    assert np.diff(peaks, axis=1).min() >= 20
    assert 10 <= peaks.min() <= peaks.max() <= 90


def test_knowledge_counts_correct_minus_false_beliefs() -> None:
    reality = np.array([1, -1, 1, 1], dtype=np.int8)
    assert knowledge(np.array([1, -1, 0, -1], dtype=np.int8), reality) == 0.25
    assert knowledge(reality, reality) == 1


def test_a_block_counts_only_as_a_whole() -> None:
    reality = np.array([1, -1, 1, 1], dtype=np.int8)
    assert block_payoff(np.array([1, -1, 1, -1], dtype=np.int8), reality, 2) == 0.5
    with pytest.raises(ValueError, match="blocks of 3"):
        block_payoff(reality, reality, 3)


def test_random_beliefs_and_reality_have_their_values() -> None:
    random = np.random.default_rng(1)
    assert set(np.unique(random_reality(random, 50, 20))) == {-1, 1}
    assert set(np.unique(random_beliefs(random, 50, 20))) == {-1, 0, 1}


@pytest.mark.parametrize(("epsilon", "pulls", "words"), [(0.5, 10, "epsilon is 0.5"), (0.1, 0, "pulls is 0")])
def test_bandit_refuses_values_outside_their_range(epsilon: float, pulls: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TwoArmedBandit(epsilon, pulls)


def test_better_arm_gives_positive_evidence_on_average() -> None:
    evidence = TwoArmedBandit(0.05, 100).log_likelihood_ratios(np.random.default_rng(1), np.ones(5000, dtype=bool))
    expected = 100 * 0.1 * np.log(0.55 / 0.45)
    assert evidence.mean() == pytest.approx(expected, rel=0.05)
