"""Average students that are each trained on a random subset of the features.

Random subspaces (Ho 1998): no single spurious feature affects all of them.

Family: ensemble.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.subspaces(s)
    return tk.finish(s)
