"""NK landscapes: tunably rugged payoffs of bit strings (Kauffman and Levin 1987).

Each of the `n` bits has a contribution that depends on itself and on `k` other bits. The payoff of a string is the mean
contribution. At k = 0 a landscape has one peak; the number of local peaks grows with k.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aarlab.scenarios.toolkit.randomness import generator

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BitArray = NDArray[np.uint8]

Dependencies = Literal["random", "adjacent", "with-itself"]

MAX_N = 20
"""Largest number of bits. The payoffs of all 2**n strings are computed, so that the maximum is exact."""


class NKLandscape:
    """The payoffs of all strings of `n` bits, in [0, 1], with a global maximum of exactly 1.

    Args:
        seed: Seed of the contributions and of the dependencies, at least 0.
        n: Number of bits, 1 to 20.
        k: Number of other bits that the contribution of each bit depends on, 0 to n - 1.
        exponent: Power to which payoffs are raised after division by the maximum. Lazer and Friedman (2007) use 8,
            which separates good strings without changing their order.
        dependencies: `random`: each bit depends on k others drawn without replacement. `adjacent`: on the k next ones,
            cyclically. `with-itself`: on k bits drawn without replacement from all, so that one may be the bit itself
            (Barkoczi and Galesic 2016).
        decimals: Decimals to which contributions are rounded; None: they are not rounded.

    Raises:
        ValueError: An argument is outside its range.
    """

    def __init__(
        self,
        seed: int,
        n: int = 20,
        k: int = 5,
        *,
        exponent: float = 1.0,
        dependencies: Dependencies = "random",
        decimals: int | None = None,
    ) -> None:
        if not 1 <= n <= MAX_N:
            raise ValueError(f"n is {n}; an NK landscape has 1 to {MAX_N} bits")
        if not 0 <= k < n:
            raise ValueError(f"k is {k}; each of {n} bits can depend on 0 to {n - 1} others")
        if exponent <= 0:
            raise ValueError(f"exponent is {exponent:g}; it must be above 0")
        self.seed, self.n, self.k, self.exponent = seed, n, k, exponent
        random = generator("nk", seed, n, k, dependencies)
        self.depends_on: IntArray = _dependencies(random, n, k, dependencies)
        """(n, k + 1) positions that the contribution of each bit depends on, itself first."""
        contributions = random.random((n, 2 ** (k + 1)))
        self.contributions: FloatArray = contributions if decimals is None else contributions.round(decimals)
        """(n, 2 ** (k + 1)) contribution of each bit, by the values of the bits it depends on."""
        self.table: FloatArray = self._all_payoffs()
        """(2 ** n,) payoffs by code; bit i of a string has the value 2 ** i in its code."""

    @property
    def best(self) -> BitArray:
        """The (n,) bits of the global maximum."""
        return bits_of(np.asarray(self.table.argmax()), self.n)

    def payoff(self, bits: NDArray[np.generic]) -> FloatArray:
        """Return the (...) payoffs in [0, 1] of (..., n) strings of zeros and ones.

        Raises:
            ValueError: The last axis does not have n elements, or an element is neither 0 nor 1.
        """
        strings = np.asarray(bits)
        if strings.shape[-1:] != (self.n,):
            raise ValueError(f"bits have the shape {strings.shape}; the last axis must have {self.n} elements")
        if not np.isin(strings, (0, 1)).all():
            raise ValueError("bits contain a value other than 0 and 1")
        return np.asarray(self.table[codes_of(strings)])

    def _all_payoffs(self) -> FloatArray:
        """Return the normalised payoffs of all codes."""
        # A code has a high and a low half. Rows of the table with the same relevant bits in the high half are equal.
        low_bits = self.n // 2
        low, high = np.arange(2**low_bits), np.arange(2 ** (self.n - low_bits)) << low_bits
        total = np.zeros((len(high), len(low)))
        for positions, contributions in zip(self.depends_on, self.contributions, strict=True):
            high_indices, row_of = np.unique(_index(high, positions), return_inverse=True)
            rows = contributions[high_indices[:, None] | _index(low, positions)[None, :]]
            total += rows[row_of]
        payoffs = total.ravel()
        return np.asarray((payoffs / payoffs.max()) ** self.exponent)


def bits_of(codes: NDArray[np.integer], n: int) -> BitArray:
    """Return the (..., n) bits of (...) codes."""
    return ((np.asarray(codes)[..., None] >> np.arange(n)) & 1).astype(np.uint8)


def codes_of(bits: NDArray[np.generic]) -> IntArray:
    """Return the (...) codes of (..., n) bits: bit i has the value 2 ** i."""
    strings = np.asarray(bits).astype(np.int64)
    return np.asarray(strings @ (1 << np.arange(strings.shape[-1], dtype=np.int64)))


def _dependencies(random: np.random.Generator, n: int, k: int, kind: Dependencies) -> IntArray:
    own = np.arange(n)[:, None]
    if kind == "adjacent":
        return np.asarray((own + np.arange(k + 1)) % n)
    if kind == "with-itself":
        return np.hstack([own, np.argsort(random.random((n, n)), axis=1)[:, :k]])
    # Offsets 1 to n - 1, so that a bit is not drawn as its own neighbour.
    offsets = np.argsort(random.random((n, n - 1)), axis=1)[:, :k] + 1
    return np.hstack([own, (own + offsets) % n])


def _index(codes: IntArray, positions: IntArray) -> IntArray:
    """Return the index into the contributions of a bit that these codes determine, with 0 for all other bits."""
    index = np.zeros_like(codes)
    for place, position in enumerate(positions):
        index |= ((codes >> position) & 1) << place
    return index
