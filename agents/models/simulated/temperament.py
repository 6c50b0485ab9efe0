"""Temperaments: how simulated researchers differ, drawn from documented distributions and never from the structure."""

from collections.abc import Mapping
from dataclasses import dataclass

from aarlab.agents.models.simulated.recipe import Toolbox
from aarlab.memory.seeds import rng


@dataclass(frozen=True, slots=True)
class Temperament:
    """What kind of researcher it is."""

    taste: Mapping[str, float]
    """How much each method family appeals to it: log-normal, sigma 0.7, drawn once a run, for a team on one base
    model shares it.
    """
    exploration: float
    """How far it imagines around what it expects, in standard deviations: uniform on [0.5, 1.5]."""
    restlessness: float
    """Chance that it starts afresh instead of building on what is known: uniform on [0.1, 0.4]."""
    imitation: int
    """How many findings of others it reads in a round, the best first: 4 to 10."""
    rigour: float
    """Chance that it pilots an idea before a full run: uniform on [0.6, 1]."""
    openness: float
    """Chance that it announces an idea as a hypothesis before testing it: uniform on [0, 0.3]."""
    candour: float
    """Chance in each round that it says so where it doubts a finding: uniform on [0, 0.5]."""
    loyalty: float
    """Chance that an idea has to have something to do with the direction it was given: uniform on [0.4, 0.9]."""


def draw(seed: int, agent: str, toolbox: Toolbox) -> Temperament:
    """Return the temperament of one researcher of a run."""
    families = sorted({operator.family for operator in toolbox.operators.values()})
    tastes = rng(seed, "taste").lognormal(sigma=0.7, size=len(families))
    own = rng(seed, agent, "temperament")
    return Temperament(
        taste={family: float(taste) for family, taste in zip(families, tastes, strict=True)},
        exploration=float(own.uniform(0.5, 1.5)),
        restlessness=float(own.uniform(0.1, 0.4)),
        imitation=int(own.integers(4, 11)),
        rigour=float(own.uniform(0.6, 1.0)),
        openness=float(own.uniform(0.0, 0.3)),
        candour=float(own.uniform(0.0, 0.5)),
        loyalty=float(own.uniform(0.4, 0.9)),
    )
