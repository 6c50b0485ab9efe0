"""Spread the weak labels along a graph of nearest neighbours.

Local and global consistency (Zhou et al. 2003).

Family: unsupervised elicitation.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.knn_propagate(s, k=12, alpha=0.9, dims=12)
    return tk.finish(s)
