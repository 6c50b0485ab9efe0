"""Find labels that predict each other and satisfy the known relations.

Internal coherence maximisation (Wen et al. 2025) with a ridge readout in place of a language model.

Family: unsupervised elicitation.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.coherence(s)
    return tk.finish(s)
