"""Predict with a linear discriminant with shrunk covariance.

A compromise between logistic regression and the difference of means.

Family: model internal.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.readout(s, kind="shrunk_lda")
    return tk.finish(s)
