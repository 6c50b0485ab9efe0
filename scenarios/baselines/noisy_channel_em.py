"""Infer true labels through a model of the teacher's noise.

Expectation-maximisation over latent labels, as in learning from crowds (Raykar et al. 2010).

Family: other.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.noisy_channel_em(s, rounds=12, l2=0.01)
    return tk.finish(s)
