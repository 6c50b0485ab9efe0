"""Shift the teacher's labels so that both classes are equally large.

Prior correction (Saerens et al. 2002) alone.

Family: confidence weighting.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.prior_correction(s, share=0.5)
    return tk.finish(s)
