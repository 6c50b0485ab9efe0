"""Search problems: payoffs, ranges, maxima and seeds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aarlab.scenarios.search_problems.nk import NKLandscape, bits_of, codes_of


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**63), st.integers(1, 10), st.data())
def test_nk_payoffs_lie_in_0_1_and_the_maximum_is_1(seed: int, n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n - 1))
    landscape = NKLandscape(seed, n, k, exponent=8)
    payoffs = landscape.payoff(bits_of(np.arange(2**n), n))
    assert payoffs.shape == (2**n,)
    assert payoffs.min() >= 0
    assert payoffs.max() == landscape.payoff(landscape.best) == 1


@pytest.mark.parametrize("dependencies", ["random", "adjacent", "with-itself"])
def test_nk_payoff_is_the_mean_contribution_over_the_maximum(dependencies: str) -> None:
    landscape = NKLandscape(3, 8, 3, dependencies=dependencies)  # type: ignore[arg-type]
    strings = bits_of(np.arange(2**8), 8)

    def mean_contribution(bits: np.ndarray) -> float:  # type: ignore[type-arg]
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
def test_nk_refuses_sizes_outside_their_range(arguments: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        NKLandscape(1, **arguments)  # type: ignore[arg-type]


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
