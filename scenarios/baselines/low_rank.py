"""Train on the five leading principal components.

The low rank is a simplicity prior.

Family: model internal.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.lowrank(s, dims=5)
    return tk.finish(s)
