"""Poisson counts for a million small rates at once."""

import numpy as np
import numpy.typing as npt

from aarlab.scenarios.tasks.network import Single

Counts = npt.NDArray[np.uint8]

LARGEST = 100
"""Counts end here."""

BLOCK = 1 << 16
"""Rates handled at a time: their arrays stay in the processor's cache."""

VANISHING = np.float32(1e-8)
"""A probability below single precision."""


def poisson_counts(rates: Single, rng: np.random.Generator) -> Counts:
    """Return independent Poisson counts for positive rates up to fifty, in an array of the same shape.

    By inversion: one uniform number per rate is compared with the distribution function at 0, 1, 2, ... until it lies
    below. At single precision and for many small rates this takes a fraction of the time of `Generator.poisson`.
    """
    flat = rates.ravel()
    counts = np.empty(flat.size, dtype=np.uint8)
    masses, rests = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    high = []
    for first in range(0, flat.size, BLOCK):
        rate = flat[first : first + BLOCK]
        mass, left, count = masses[: len(rate)], rests[: len(rate)], counts[first : first + BLOCK]
        np.exp(np.negative(rate, out=mass), out=mass)
        rng.random(out=left, dtype=np.float32)
        left -= mass
        np.greater_equal(left, 0, out=count.view(np.bool_))
        # Few rates get past one, so that it pays to pick them out only then.
        mass *= rate
        left -= mass
        on = _goes_on(rate, mass, left, 1)
        count += on
        where = np.flatnonzero(on)
        high.append((first + where, rate.take(where), mass.take(where), left.take(where)))
    _search(counts, *(np.concatenate(parts) for parts in zip(*high, strict=True)))
    return counts.reshape(rates.shape)


def _search(counts: Counts, where: npt.NDArray[np.intp], rate: Single, mass: Single, left: Single) -> None:
    """Fill in the counts, two or more, at the positions `where`.

    `mass` is the probability of the count before the one reached so far, `left` how far the uniform number lies above
    its distribution function.
    """
    for count in range(2, LARGEST):
        mass *= rate
        mass /= np.float32(count)
        left -= mass
        on = np.flatnonzero(_goes_on(rate, mass, left, count))
        if not on.size:
            break
        where, rate, mass, left = where.take(on), rate.take(on), mass.take(on), left.take(on)
        counts[where] = count + 1


def _goes_on(rate: Single, mass: Single, left: Single, count: int) -> npt.NDArray[np.bool_]:
    """Tell where the uniform number lies above the distribution function at `count`, whose probability is `mass`.

    Rounding may leave a rest that no mass will ever cover: past the mode a vanishing mass ends the search.
    """
    return np.asarray((left >= 0) & ((mass > VANISHING) | (rate > count)))
