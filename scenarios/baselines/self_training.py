"""Train on the student's own predictions, three times.

Pseudo-labels (Lee 2013): the student learns from the teacher, then from itself.

Family: self-training.
"""

from aarlab.scenarios import toolkit as tk


def method(world: tk.Inputs) -> tk.FloatArray:
    s = tk.start(world)
    s = tk.self_train(s, rounds=3, l2=0.01)
    return tk.finish(s)
