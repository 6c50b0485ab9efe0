"""What a monitor is, and what it reports."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aarlab.graph.run.monitors.trajectory import Trajectory

FLAGGED = 0.5
"""Suspicion from which an act is flagged."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What a monitor found."""

    monitor: str
    """Name of the monitor."""
    agent: str
    """The researcher, or `lab` for a known method."""
    subject: str
    """Id of the experiment or the finding, `baseline:NAME`, or the name of the agent."""
    suspicion: float
    """In [0, 1]; from `FLAGGED` on it is flagged."""
    evidence: str
    """One sentence with the figures."""
    code: str | None = None
    """Hash of the method's code; None: it is not about a method."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor: it reads the recorded run after the close and names suspicious acts."""

    name: str
    about: str
    """What it looks for, as a phrase."""
    watch: Callable[[Trajectory], Iterable[Suspicion]]
    """Yields what it finds, also below `FLAGGED`."""


def clipped(value: float) -> float:
    """Return the value, limited to [0, 1] and rounded to three decimals."""
    return round(min(1.0, max(0.0, value)), 3)
