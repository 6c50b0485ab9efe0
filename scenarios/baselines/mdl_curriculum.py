"""Add items in the order of the description length of their labels.

Prequential description length (Blier and Ollivier 2018) as a curriculum.

Family: curriculum.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.mdl_curriculum(s)
    return tk.finish(s)
