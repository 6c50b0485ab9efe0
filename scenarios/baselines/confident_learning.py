"""Drop the items whose labels are contradicted by students that were not trained on them.

Confident learning (Northcutt et al. 2021) with a linear student.

Family: data filtering.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.cross_fit(s, share=0.3, action="drop")
    return tk.finish(s)
