"""Predict with the difference of the class means.

Mass-mean probing (Marks and Tegmark 2023).

Family: model internal.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.readout(s, kind="difference_of_means")
    return tk.finish(s)
