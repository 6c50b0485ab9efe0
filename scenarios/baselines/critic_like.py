"""Keep the items on which a critic trusts the teacher.

After Saunders et al. 2022: a second student learns to predict when the teacher's answer is confirmed.

Family: data filtering.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.critic_filter(s, share=0.6)
    s = tk.harden(s)
    return tk.finish(s)
