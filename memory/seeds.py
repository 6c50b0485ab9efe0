"""Named random streams: every draw of a run comes from a stream named by its purpose.

Named streams stay aligned between two runs while the runs take the same decisions. They do not depend on the order in
which concurrent work finishes.
"""

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def seed_of(*names: int | str) -> int:
    """Return a 128-bit seed for the stream called `names`, such as `seed_of(run_seed, "r3", "propose", 17)`.

    Ints and strings differ (`1` and `"1"` name two streams), and so do the boundaries between names.
    """
    # A separator inside a name is doubled. At a boundary it is single, because each part starts with its type.
    text = "\x1f".join(f"{type(name).__name__}:{name}".replace("\x1f", "\x1f\x1f") for name in names)
    return int.from_bytes(blake2b(text.encode(), digest_size=16).digest())


def rng(*names: int | str) -> "np.random.Generator":
    """Return a new generator for the stream called `names`."""
    import numpy as np  # here, because commands that only read a run draw nothing

    return np.random.default_rng(seed_of(*names))
