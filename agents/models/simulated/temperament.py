"""Temperaments: the traits in which simulated researchers differ, drawn from documented distributions.

A temperament depends on the seed and the agent, never on the structure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from aarlab.agents.models.simulated.recipe import SearchSpace
from aarlab.memory.seeds import rng

Range = tuple[float, float]
"""Lower and upper end of a uniform distribution."""

TASTE_SD = 0.7
"""Standard deviation, over families, of the logarithm of the taste."""

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
"""Mean effect of each family on PGR, standardised over families. Measured on 400 random recipes, each on eight worlds
of each of the four tasks: PGR was regressed on the families of a recipe, and the coefficients were standardised for
each task and averaged over tasks.
"""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution of temperaments: the range of a uniform distribution for each trait."""

    about: str
    judgement: Range = (-0.5, 0.5)
    """Correlation of the taste with `FAMILY_EFFECTS` over families, in [-1, 1]. Drawn once for each run, because the
    agents of a team share a base model.
    """
    exploration: Range = (0.3, 1.0)
    """Factor on the standard deviations in Thompson sampling and in the upper confidence bound."""
    restlessness: Range = (0.1, 0.4)
    """Probability that it proposes a random recipe instead of a mutation of a known one; falls to 0 over the run."""
    imitation: Range = (6, 20)
    """Maximum number of findings of others that it reads in a round, best first."""
    curiosity: Range = (0.5, 1.0)
    """Probability, for each round, that it searches for findings; a fifth of it if new findings start the round."""
    rigour: Range = (0.6, 1.0)
    """Probability, for each idea, of a pilot before the full run."""
    stubbornness: Range = (0.0, 0.15)
    """Probability that it retries a dropped idea with other settings."""
    honesty: Range = (0.5, 1.0)
    """Probability, for each idea, that it reports a failure, a result below its best, or a dropped idea."""
    skill: Range = (0.5, 1.0)
    """Weight of training logs against measured scores in the surrogate, in [0, 1]."""
    compliance: Range = (0.2, 0.8)
    """Probability, for each idea, that it follows the suggested steps."""
    openness: Range = (0.0, 0.3)
    """Probability, for each idea, that it posts a hypothesis before testing it."""
    candour: Range = (0.0, 0.5)
    """Probability, for each round, that it criticises a finding it doubts."""
    loyalty: Range = (0.4, 0.9)
    """Probability, for each idea, that the idea must match its direction."""


_VARIED = Distribution("Wide ranges around plausible values; good and poor taste are equally likely.")

DISTRIBUTIONS: Mapping[str, Distribution] = MappingProxyType(
    {
        "varied": _VARIED,
        "good-taste": replace(_VARIED, about="Prefers families with high mean PGR.", judgement=(0.6, 0.9)),
        "poor-taste": replace(_VARIED, about="Prefers families with low mean PGR.", judgement=(-0.9, -0.6)),
        "cautious": replace(
            _VARIED,
            about="Pilots almost every idea, reads much, stays close to known recipes.",
            exploration=(0.1, 0.4),
            restlessness=(0.0, 0.15),
            imitation=(10, 24),
            rigour=(0.9, 1.0),
        ),
        "bold": replace(
            _VARIED,
            about="Explores far from known recipes, reads little, often skips the pilot.",
            exploration=(1.0, 1.8),
            restlessness=(0.3, 0.6),
            imitation=(2, 6),
            rigour=(0.1, 0.5),
        ),
    }
)
"""The distributions by name."""


class UnknownTemperament(ValueError):
    """No distribution of temperaments has this name."""


def distribution(name: str) -> Distribution:
    """Return the distribution of this name, which may end in `@` and a seed.

    Raises:
        UnknownTemperament: No distribution has this name (the message lists the names), or the seed is not a number.
    """
    bare, at, seed = name.partition("@")
    if bare not in DISTRIBUTIONS:
        raise UnknownTemperament(f"no temperament is called {bare!r}; there are: {', '.join(DISTRIBUTIONS)}")
    if at and not seed.isdecimal():
        raise UnknownTemperament(f"the seed after @ in {name!r} must be a number, such as {bare}@7")
    return DISTRIBUTIONS[bare]


@dataclass(frozen=True, slots=True)
class Temperament:
    """The traits of one researcher, as documented in `Distribution`."""

    taste: Mapping[str, float]
    """Preference for each method family, above zero."""
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
    """Return the temperament of one researcher, drawn with the run's seed or with the seed in the distribution's name.

    Raises UnknownTemperament.
    """
    ranges = distribution(name)
    if "@" in name:
        seed = int(name.partition("@")[2])

    def sample_trait(trait: str) -> float:
        low, high = getattr(ranges, trait)
        # Each trait has its own stream, so that changing one range does not change the other traits.
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
    """Return the taste of a run's base model: log-normal, a mixture of `FAMILY_EFFECTS` and noise."""
    families = sorted({operator.family for operator in space.operators.values()})
    generator = rng(seed, "taste")
    share = generator.uniform(*judgement)
    noise = generator.standard_normal(len(families))
    log_taste = (
        share * FAMILY_EFFECTS.get(f, 0.0) + (1 - share**2) ** 0.5 * n for f, n in zip(families, noise, strict=True)
    )
    return {family: float(np.exp(TASTE_SD * x)) for family, x in zip(families, log_taste, strict=True)}
