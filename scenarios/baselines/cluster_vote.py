"""Let the teacher vote in each of two dozen clusters.

Scattered errors are outvoted; errors that fill a cluster remain.

Family: unsupervised elicitation.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.cluster_vote(s, k=24, dims=12)
    return tk.finish(s)
