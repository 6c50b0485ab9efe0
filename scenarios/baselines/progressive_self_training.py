"""Self-train on the most confident items first, then on more and more.

Both classes stay equally large, so the teacher's bias towards one class does not grow.

Family: self-training.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.progressive_self_train(s, rounds=6, l2=0.03, first_share=0.2)
    return tk.finish(s)
