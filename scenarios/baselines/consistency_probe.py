"""Fit a probe that answers consistently on related items.

After contrast-consistent search (Burns et al. 2022).

Family: unsupervised elicitation.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.consistency_probe(s)
    return tk.finish(s)
