"""Train on the weak teacher's probabilities.

The plain weak-to-strong student of Burns et al. 2023, with soft labels.

Family: other.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    return tk.finish(s)
