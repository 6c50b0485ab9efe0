"""Train on random Fourier features.

A nonlinear student (Rahimi and Recht 2007).

Family: model internal.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.random_features(s)
    return tk.finish(s)
