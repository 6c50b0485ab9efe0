"""Temperaments: how simulated researchers differ, drawn from documented distributions and never from the structure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from aarlab.agents.models.simulated.recipe import SearchSpace
from aarlab.memory.seeds import rng

Range = tuple[float, float]
"""Ends of a uniform distribution."""

TASTE_SD = 0.7
"""Standard deviation, over families, of the logarithm of how much a family appeals."""

FAMILY_EFFECTS: Mapping[str, float] = MappingProxyType(
    {
        "confidence weighting": -0.87,
        "curriculum": -2.38,
        "data filtering": -0.13,
        "distillation": 0.50,
        "ensemble": 0.23,
        "evolutionary": 1.85,
        "loss function": 0.12,
        "model internal": -0.45,
        "other": 0.50,
        "self-training": 0.00,
        "unsupervised elicitation": 0.63,
    }
)
"""How families stand on average, standardised over families. Measured: 400 recipes drawn at random from the toolkit,
each on eight worlds of each of the four tasks; PGR regressed on which families a recipe has, coefficients standardised
for each task and averaged over tasks.
"""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Where temperaments are drawn from: for each trait the ends of a uniform distribution."""

    about: str
    judgement: Range = (-0.5, 0.5)
    """How good the taste of the team's base model is, in [-1, 1]: the correlation, over families, of how much they
    appeal with how well they do on average (`FAMILY_EFFECTS`). Drawn once a run, for a team on one base model shares it.
    """
    exploration: Range = (0.3, 1.0)
    """How far it imagines around what it expects, in standard deviations."""
    restlessness: Range = (0.1, 0.4)
    """Chance that it starts afresh instead of building on what is known."""
    imitation: Range = (6, 20)
    """How many findings of others it reads in a round, the best first."""
    curiosity: Range = (0.5, 1.0)
    """Chance in each round that it looks for findings by question, by words or by text, where that can be done; a
    fifth of it in a round that opens with news.
    """
    rigour: Range = (0.6, 1.0)
    """Chance that it pilots an idea before a full run."""
    stubbornness: Range = (0.0, 0.15)
    """Chance that it goes on with an idea that disappoints, by another variation of the same."""
    honesty: Range = (0.5, 1.0)
    """Chance that it posts what went badly: a failure, a result below its best, an idea it gives up."""
    skill: Range = (0.5, 1.0)
    """How far it trusts what a training log says about a method, against a score that is little more than noise."""
    compliance: Range = (0.2, 0.8)
    """Chance, for each idea, that it takes the steps it is advised to take."""
    openness: Range = (0.0, 0.3)
    """Chance that it announces an idea as a hypothesis before testing it."""
    candour: Range = (0.0, 0.5)
    """Chance in each round that it says so where it doubts a finding."""
    loyalty: Range = (0.4, 0.9)
    """Chance that an idea has to have something to do with the direction it was given."""


_VARIED = Distribution("Nobody in particular: wide ranges around what seems sensible; taste as often right as wrong.")

DISTRIBUTIONS: Mapping[str, Distribution] = MappingProxyType(
    {
        "varied": _VARIED,
        "good-taste": replace(
            _VARIED, about="The families that appeal are mostly those that do well.", judgement=(0.6, 0.9)
        ),
        "poor-taste": replace(
            _VARIED, about="The families that appeal are mostly those that do badly.", judgement=(-0.9, -0.6)
        ),
        "cautious": replace(
            _VARIED,
            about="Pilots everything, reads much, stays near what is known.",
            exploration=(0.1, 0.4),
            restlessness=(0.0, 0.15),
            imitation=(10, 24),
            rigour=(0.9, 1.0),
        ),
        "bold": replace(
            _VARIED,
            about="Tries what is far from anything known, reads little, often goes straight to a full run.",
            exploration=(1.0, 1.8),
            restlessness=(0.3, 0.6),
            imitation=(2, 6),
            rigour=(0.1, 0.5),
        ),
    }
)
"""Every distribution that can be named."""


class UnknownTemperament(ValueError):
    """No distribution of temperaments has this name."""


def distribution(name: str) -> Distribution:
    """Return the distribution of a name, which may end in `@` and a seed.

    Raises:
        UnknownTemperament: There is none; the message names those that exist. Or there is no seed behind the `@`.
    """
    bare, at, seed = name.partition("@")
    if bare not in DISTRIBUTIONS:
        raise UnknownTemperament(f"no temperament is called {bare!r}; there are: {', '.join(DISTRIBUTIONS)}")
    if at and not seed.isdecimal():
        raise UnknownTemperament(f"after the @ of {name!r} there must be a seed, such as {bare}@7")
    return DISTRIBUTIONS[bare]


@dataclass(frozen=True, slots=True)
class Temperament:
    """What kind of researcher it is; the traits are those of `Distribution`."""

    taste: Mapping[str, float]
    """How much each method family appeals to it, always above zero."""
    exploration: float
    restlessness: float
    imitation: int
    curiosity: float
    rigour: float
    stubbornness: float
    honesty: float
    skill: float
    compliance: float
    openness: float
    candour: float
    loyalty: float


def draw(seed: int, agent: str, space: SearchSpace, name: str = "varied") -> Temperament:
    """Return the temperament of one researcher of a run, drawn from its seed or from the one that the name ends in.

    Raises UnknownTemperament.
    """
    ranges = distribution(name)
    if "@" in name:
        seed = int(name.partition("@")[2])

    def sample_trait(trait: str) -> float:
        low, high = getattr(ranges, trait)
        # A stream for each trait: another range for one of them leaves the others as they are.
        return float(low + (high - low) * rng(seed, agent, "temperament", trait).random())

    return Temperament(
        taste=_taste(seed, space, ranges.judgement),
        imitation=round(sample_trait("imitation")),
        **{trait: sample_trait(trait) for trait in _TRAITS},
    )


_TRAITS = (
    "exploration", "restlessness", "curiosity", "rigour", "stubbornness", "honesty", "skill", "compliance", "openness",
    "candour", "loyalty",
)  # fmt: skip


def _taste(seed: int, space: SearchSpace, judgement: Range) -> Mapping[str, float]:
    """Return the taste that a run's base model has: a mixture of how families stand and of noise, log-normal."""
    families = sorted({operator.family for operator in space.operators.values()})
    draw = rng(seed, "taste")
    share = draw.uniform(*judgement)
    noise = draw.standard_normal(len(families))
    liking = (
        share * FAMILY_EFFECTS.get(f, 0.0) + (1 - share**2) ** 0.5 * n for f, n in zip(families, noise, strict=True)
    )
    return {family: float(np.exp(TASTE_SD * x)) for family, x in zip(families, liking, strict=True)}
