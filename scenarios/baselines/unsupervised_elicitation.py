"""Find labels that predict each other; the teacher only assigns the classes.

Internal coherence maximisation (Wen et al. 2025) started from the teacher's most confident tenth.

Family: unsupervised elicitation.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.coherence(s, anchor=0.0, seed_share=0.1)
    return tk.finish(s)
