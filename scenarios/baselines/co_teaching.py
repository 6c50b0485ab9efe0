"""Let two students choose each other's training items by small loss.

Co-teaching (Han et al. 2018) on hard labels.

Family: data filtering.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.co_teach(s, rounds=4, keep=0.6)
    return tk.finish(s)
