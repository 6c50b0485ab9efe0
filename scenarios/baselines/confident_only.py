"""Train on the half of which the weak teacher is surer.

Its hard labels on the more certain half of the items; the rest is left out.

Family: data filtering.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.confident(s, share=0.5)
    s = tk.harden(s)
    return tk.finish(s)
