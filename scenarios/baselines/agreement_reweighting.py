"""Weigh items by how far student and teacher agree.

One round of trust: where they agree, the label is more often right.

Family: confidence weighting.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.agreement_reweight(s)
    return tk.finish(s)
