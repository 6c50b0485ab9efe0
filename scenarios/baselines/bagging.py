"""Average students trained on random subsets.

Bagging (Breiman 1996).

Family: ensemble.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.bag(s)
    return tk.finish(s)
