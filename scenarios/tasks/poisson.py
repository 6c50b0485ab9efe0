"""Poisson counts for arrays of a million small rates."""

import numpy as np
import numpy.typing as npt

from aarlab.scenarios.tasks.mlp import Float32Array

Counts = npt.NDArray[np.uint8]

MAX_COUNT = 100
"""Largest count."""

BLOCK = 1 << 16
"""Rates per block; its arrays fit into the processor's cache."""

NEGLIGIBLE_MASS = np.float32(1e-8)
"""Probability below single precision."""


def poisson_counts(rates: Float32Array, rng: np.random.Generator) -> Counts:
    """Return independent Poisson counts for positive rates up to fifty, in an array of the same shape.

    Uses inversion: one uniform number per rate is compared with the distribution function at 0, 1, 2, ... until it is
    smaller. In single precision and for many small rates this is several times faster than `Generator.poisson`.
    """
    flat = rates.ravel()
    counts = np.empty(flat.size, dtype=np.uint8)
    masses, remainders = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    high = []
    for first in range(0, flat.size, BLOCK):
        rate = flat[first : first + BLOCK]
        mass, remainder, count = masses[: len(rate)], remainders[: len(rate)], counts[first : first + BLOCK]
        np.exp(np.negative(rate, out=mass), out=mass)
        rng.random(out=remainder, dtype=np.float32)
        remainder -= mass
        np.greater_equal(remainder, 0, out=count.view(np.bool_))
        # Few rates continue past one, so selecting them pays off only from here.
        mass *= rate
        remainder -= mass
        continuing = _continues(rate, mass, remainder, 1)
        count += continuing
        where = np.flatnonzero(continuing)
        high.append((first + where, rate.take(where), mass.take(where), remainder.take(where)))
    _search(counts, *(np.concatenate(parts) for parts in zip(*high, strict=True)))
    return counts.reshape(rates.shape)


def _search(
    counts: Counts, where: npt.NDArray[np.intp], rate: Float32Array, mass: Float32Array, remainder: Float32Array
) -> None:
    """Fill in the counts of two or more at the positions `where`.

    `mass` is the probability of the current count, `remainder` the uniform number minus the distribution function.
    """
    for count in range(2, MAX_COUNT):
        mass *= rate
        mass /= np.float32(count)
        remainder -= mass
        continuing = np.flatnonzero(_continues(rate, mass, remainder, count))
        if not continuing.size:
            break
        where, rate, mass, remainder = (
            where.take(continuing),
            rate.take(continuing),
            mass.take(continuing),
            remainder.take(continuing),
        )
        counts[where] = count + 1


def _continues(rate: Float32Array, mass: Float32Array, remainder: Float32Array, count: int) -> npt.NDArray[np.bool_]:
    """Return where the uniform number exceeds the distribution function at `count`, which has probability `mass`.

    Rounding may leave a remainder that no mass covers, so past the mode a negligible mass ends the search.
    """
    return np.asarray((remainder >= 0) & ((mass > NEGLIGIBLE_MASS) | (rate > count)))
