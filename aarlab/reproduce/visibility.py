"""Which scripted agents see each other, from the project's own topologies.

A simulation has rounds, like a run: all agents act on what visible agents had published by the end of the last round,
and their actions are published together.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aarlab.graph.structure.islands import Parameters
from aarlab.graph.structure.topologies import neighbours_of

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


def visibility(topology: str, agents: int, *, seed: int = 0, **parameters: float | int | str) -> BoolArray:
    """Return the (agents, agents) matrix of a topology: row i is true for the agents that i sees. No agent sees itself.

    Args:
        topology: A value of the dial `topology`.
        agents: Number of agents.
        seed: Seed of a random topology.
        **parameters: Parameters of the topology.

    Raises:
        ValueError: The topology does not take the parameters.
    """
    names = [f"r{i + 1}" for i in range(agents)]
    given: Parameters = parameters
    neighbours = neighbours_of(topology, given, names, seed)
    if neighbours is None:
        return ~np.eye(agents, dtype=bool)
    return np.array([[other in neighbours[name] for other in names] for name in names])


@dataclass(frozen=True, slots=True)
class NeighbourLists:
    """The visible agents of each agent as padded lists, for drawing samples."""

    members: IntArray
    """(agents, most) indices of the visible agents; padded with 0."""
    degrees: IntArray
    """(agents,) number of visible agents."""

    @classmethod
    def of(cls, visible: BoolArray) -> "NeighbourLists":
        """Return the lists of an (agents, agents) matrix."""
        degrees = visible.sum(axis=1)
        members = np.zeros((len(visible), int(degrees.max(initial=0))), dtype=np.int64)
        for agent, row in enumerate(visible):
            members[agent, : degrees[agent]] = np.flatnonzero(row)
        return cls(members, degrees)

    def sample(self, random: np.random.Generator, runs: int, size: int) -> IntArray:
        """Return (size, runs, agents) different visible agents, drawn with equal probability.

        Raises:
            ValueError: An agent sees fewer than `size` agents.
        """
        if self.degrees.min() < size:
            raise ValueError(f"an agent sees {self.degrees.min()} others; {size} are drawn")
        # Floyd's algorithm: a number that is drawn twice is replaced by the largest possible one.
        agents = len(self.degrees)
        places, uniform = np.empty((size, runs, agents), dtype=np.int64), random.random((size, runs, agents))
        for index in range(size):
            last = self.degrees - size + index
            drawn = (uniform[index] * (last + 1)).astype(np.int64)
            repeated = (places[:index] == drawn).any(axis=0)
            places[index] = np.where(repeated, last, drawn)
        return np.asarray(self.members[np.arange(agents), places])
