"""Let the teacher vote in each of two dozen clusters.

Its scattered mistakes are outvoted; those that fill a cluster stay.

Family: unsupervised elicitation.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.cluster_vote(s, k=24, dims=12)
    return tk.finish(s)
