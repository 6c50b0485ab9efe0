"""Coherence, then relations, then neighbours.

The labels that coherence finds are smoothed over neighbours.

Family: unsupervised elicitation.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.coherence(s)
    s = tk.project_relations(s)
    s = tk.knn_propagate(s, k=10, dims=10)
    s = tk.regularise(s, l2=0.01)
    return tk.finish(s)
