"""Named random streams: drawing more from one does not change the others."""

import zlib

import numpy as np


def generator(*key: str | int) -> np.random.Generator:
    """Return the random generator of a key, which consists of names and non-negative integers of any size.

    >>> generator("chat", 7).random() == generator("chat", 7).random()
    True
    """
    return np.random.default_rng([zlib.crc32(part.encode()) if isinstance(part, str) else int(part) for part in key])
