"""Parameters of topologies and sizes of islands, without networkx: its import takes a tenth of a second."""

from collections.abc import Mapping

Parameters = Mapping[str, float | int | str]
"""Parameters of a topology by name."""
DEFAULT_ISLANDS = 3
"""Number of islands if the parameters do not set it."""


def island_sizes(n: int, islands: int = DEFAULT_ISLANDS) -> list[int]:
    """Return the sizes of the islands of `n` researchers, which differ by 1 at most; empty islands are left out."""
    sizes = [n // islands + (i < n % islands) for i in range(islands)]
    return [size for size in sizes if size]
