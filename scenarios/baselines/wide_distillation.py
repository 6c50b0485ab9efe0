"""Train a wide student first and distil it into the final one.

Distillation (Hinton et al. 2015) from random rectified features.

Family: distillation.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.distil_wide(s)
    return tk.finish(s)
