"""Reduce the weight of surprising labels.

The noise-robust loss of Zhang and Sabuncu 2018.

Family: loss function.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.generalised_cross_entropy(s)
    return tk.finish(s)
