"""Remove the direction in which the weak labels are easiest to read.

One step of iterative nullspace projection (Ravfogel et al. 2020).

Family: model internal.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.remove_direction(s, directions=1)
    return tk.finish(s)
