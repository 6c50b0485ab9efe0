"""Relations, then neighbours, then self-training.

Three operators in sequence, with both classes kept equally large.

Family: self-training.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.project_relations(s)
    s = tk.knn_propagate(s, k=15, dims=10)
    s = tk.prior_correction(s)
    s = tk.self_train(s, rounds=2)
    return tk.finish(s)
