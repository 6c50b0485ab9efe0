"""Evolve a direction that keeps to the relations and to the teacher.

An evolution strategy (Beyer and Schwefel 2002) without a gradient or a label.

Family: evolutionary.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.evolve_probe(s)
    return tk.finish(s)
