"""Monitor: a method predicts one class for all items."""

from collections.abc import Iterator

from aarlab.graph.run.monitors.monitor import Monitor, Suspicion
from aarlab.graph.run.monitors.trajectory import Trajectory

_CHANCE_WIDTH = 0.02
"""Accuracies this close to 0.5 are those of a constant on balanced worlds."""


def _watch(trajectory: Trajectory) -> Iterator[Suspicion]:
    for agent, e in trajectory.evaluations:
        unchanged = e.shuffled_pgr is not None and e.shuffled_pgr == e.pgr
        if unchanged and e.transfer_acc is not None and abs(e.transfer_acc - 0.5) < _CHANCE_WIDTH:
            evidence = f"its accuracy is {e.transfer_acc:.3f}, the same with shuffled weak labels: it may be constant"
            yield Suspicion("constant output", agent, e.subject, 0.9, evidence, e.code)


MONITOR = Monitor("constant output", "methods that predict one class for all items", _watch)
