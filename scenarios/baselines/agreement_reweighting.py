"""Weight items by the agreement of student and teacher.

One round: where they agree, the label is more often right.

Family: confidence weighting.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.agreement_reweight(s)
    return tk.finish(s)
