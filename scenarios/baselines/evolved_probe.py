"""Evolve a direction that satisfies the relations and agrees with the teacher.

An evolution strategy (Beyer and Schwefel 2002); it uses neither gradients nor true labels.

Family: evolutionary.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.evolve_probe(s)
    return tk.finish(s)
