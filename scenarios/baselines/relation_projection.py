"""Make the weak labels consistent with the known relations.

The smallest use of the relations.

Family: unsupervised elicitation.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.project_relations(s, rounds=2)
    return tk.finish(s)
