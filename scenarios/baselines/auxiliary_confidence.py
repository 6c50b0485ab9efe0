"""Let the student trust itself where it disagrees with the teacher.

The auxiliary confidence loss of Burns et al. 2023: the weight of the student's own hardened predictions increases.

Family: loss function.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.auxiliary_confidence(s, alpha=0.6, rounds=8)
    return tk.finish(s)
