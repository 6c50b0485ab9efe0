"""Find labels that predict each other; the teacher only names the classes.

Internal coherence maximisation (Wen et al. 2025) seeded by the teacher's surest tenth and then left alone.

Family: unsupervised elicitation.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.coherence(s, anchor=0.0, seed_share=0.1)
    return tk.finish(s)
