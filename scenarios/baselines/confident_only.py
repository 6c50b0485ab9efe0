"""Train on the half of the items on which the weak teacher is more confident.

Its hard labels on the more confident half; the other items are dropped.

Family: data filtering.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.confident(s, share=0.5)
    s = tk.harden(s)
    return tk.finish(s)
