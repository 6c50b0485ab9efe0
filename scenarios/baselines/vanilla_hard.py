"""Train on the weak teacher's hard labels.

The plain weak-to-strong student of Burns et al. 2023; every other method is compared with it.

Family: other.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.harden(s)
    return tk.finish(s)
