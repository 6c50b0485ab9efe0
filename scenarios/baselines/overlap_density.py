"""Keep the items that have the same weak label as their neighbours.

Data selection by overlap density (Shin et al. 2024) in the strong student's features.

Family: data filtering.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.overlap_density(s, share=0.5)
    return tk.finish(s)
