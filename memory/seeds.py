"""Named random streams: every draw in a run comes from a stream named by its purpose.

Streams named by purpose stay aligned between two runs for as long as the runs take the same decisions, and they never
depend on the order in which concurrent work finishes.
"""

from hashlib import blake2b

import numpy as np


def seed_of(*names: int | str) -> int:
    """Return a 128-bit seed for the stream called `names`, such as `seed_of(run_seed, "r3", "propose", 17)`.

    Ints and strings are kept apart (`1` and `"1"` name different streams) and so are their boundaries.
    """
    # Doubled inside a name, the separator cannot be mistaken for a boundary, behind which there is always a type.
    text = "\x1f".join(f"{type(name).__name__}:{name}".replace("\x1f", "\x1f\x1f") for name in names)
    return int.from_bytes(blake2b(text.encode(), digest_size=16).digest())


def rng(*names: int | str) -> np.random.Generator:
    """Return a fresh generator for the stream called `names`."""
    return np.random.default_rng(seed_of(*names))
