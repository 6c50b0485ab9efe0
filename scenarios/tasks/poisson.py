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
    positive = []
    for first in range(0, flat.size, BLOCK):
        rate = flat[first : first + BLOCK]
        mass = np.exp(-rate)
        left = rng.random(len(rate), dtype=np.float32) - mass
        reached = left >= 0
        counts[first : first + BLOCK] = reached
        where = np.flatnonzero(reached)
        positive.append((first + where, rate.take(where), mass.take(where), left.take(where)))
    _search(counts, *(np.concatenate(parts) for parts in zip(*positive, strict=True)))
    return counts.reshape(rates.shape)


def _search(counts: Counts, where: npt.NDArray[np.intp], rate: Single, mass: Single, left: Single) -> None:
    """Fill in the counts, one or more, at the positions `where`.

    `mass` is the probability of the count reached so far, `left` how far the uniform number lies above its distribution
    function.
    """
    for count in range(1, LARGEST):
        mass = mass * rate / np.float32(count)
        left = left - mass
        # Rounding may leave a rest that no mass will ever cover: past the mode a vanishing mass ends the search.
        on = np.flatnonzero((left >= 0) & ((mass > VANISHING) | (rate > count)))
        if not on.size:
            break
        where, rate, mass, left = where.take(on), rate.take(on), mass.take(on), left.take(on)
        counts[where] = count + 1
