"""Split the items into two clusters; the teacher only assigns the classes to them.

Assumes that the label is the largest structure in the student's features; PGR is far below zero where it is not.

Family: unsupervised elicitation.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.cluster_vote(s, k=2, dims=0)
    return tk.finish(s)
