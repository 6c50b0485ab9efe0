"""Split the items into two clusters; the teacher only says which is which.

A bet that the largest structure in the student's features is the answer: high where it holds, far below zero where not.

Family: unsupervised elicitation.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.cluster_vote(s, k=2, dims=0)
    return tk.finish(s)
