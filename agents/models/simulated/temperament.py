"""Temperaments: the traits in which simulated researchers differ, drawn from documented distributions.

A temperament depends on the seed and the agent, never on the structure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from aarlab.agents.models.simulated.recipe import SearchSpace
from aarlab.memory.seeds import rng

Range = tuple[float, float]
"""Lower and upper end of a uniform distribution."""

TASTE_SD = 0.7
"""Standard deviation, over families, of the logarithm of the taste."""

REPORTED_PGR: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "data filtering": {"overlap density": 0.75, "confident only": 0.23, "critic": -0.04},
        "unsupervised elicitation": {"unsupervised elicitation": 0.03},
        "evolutionary": {"consistency-probe resampling with an evolution strategy": 0.93},
        "curriculum": {"MDL curriculum": 0.68},
        "other": {"EM posterior of a noisy channel": 0.78, "epiplexity smoothing": 0.62, "vanilla": 0.20},
    }
)
"""PGR of methods by family, on chat preferences, as *Automated Weak-to-Strong Researcher* (Wen et al. 2026) reports it:
four published methods, and the five that its agents found. There is no report on the other families.
"""


def reputation(families: Sequence[str]) -> dict[str, float]:
    """Return the mean reported PGR of each family, standardised over families; 0 for families without a report."""
    means = {family: float(np.mean(list(REPORTED_PGR[family].values()))) for family in REPORTED_PGR}
    centre, spread = float(np.mean(list(means.values()))), float(np.std(list(means.values())))
    return {family: (means[family] - centre) / spread if family in means else 0.0 for family in families}


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution of temperaments: the range of a uniform distribution for each trait."""

    about: str
    judgement: Range = (-0.5, 0.5)
    """Correlation of the taste with `reputation` over families, in [-1, 1]. Drawn once for each run, because the
    agents of a team share a base model.
    """
    exploration: Range = (0.7, 1.3)
    """Factor on the standard deviations of its beliefs about recipes: above 1 it overestimates what is unknown."""
    imitation: Range = (6, 20)
    """Maximum number of findings of others that it reads in a round, best first."""
    curiosity: Range = (0.5, 1.0)
    """Probability, for each round, that it searches for findings; a fifth of it if new findings start the round."""
    trust: Range = (0.2, 0.8)
    """Weight of critiques: the standard deviation that one adds to a score, as a share of the prior's. It is also the
    probability, for each criticised finding, that it builds on it only after a replication of its own.
    """
    receptivity: Range = (0.1, 0.5)
    """Probability, for each idea, that it tries a change that a critique or its own training log suggests, if any."""
    honesty: Range = (0.5, 1.0)
    """Probability, for each idea, that it reports a failure, a result below its best, or a dropped idea."""
    skill: Range = (0.5, 1.0)
    """Weight of training logs against measured scores in the surrogate, in [0, 1]."""
    compliance: Range = (0.2, 0.8)
    """Probability, for each idea, that it follows the suggested steps; and that it follows its task."""
    openness: Range = (0.0, 0.3)
    """Probability, for each idea, that it posts a hypothesis before testing it."""
    candour: Range = (0.0, 0.5)
    """Probability, for each round, that it criticises a finding it doubts."""
    loyalty: Range = (0.4, 0.9)
    """Probability, for each idea, that the idea must match its direction."""
    deference: Range = (0.0, 0.6)
    """Probability, for each idea, that the idea must build on a finding with the mark of a higher rank, if it has read
    one; and probability, for each round, that it reads these findings first.
    """


_VARIED = Distribution("Wide ranges around plausible values; good and poor taste are equally likely.")

DISTRIBUTIONS: Mapping[str, Distribution] = MappingProxyType(
    {
        "varied": _VARIED,
        "good-taste": replace(_VARIED, about="Prefers families with a good reputation.", judgement=(0.6, 0.9)),
        "poor-taste": replace(_VARIED, about="Prefers families with a poor reputation.", judgement=(-0.9, -0.6)),
        "cautious": replace(
            _VARIED,
            about="Underestimates what is unknown, reads much, believes critiques.",
            exploration=(0.4, 0.8),
            imitation=(10, 24),
            trust=(0.6, 1.0),
            deference=(0.4, 0.8),
        ),
        "bold": replace(
            _VARIED,
            about="Overestimates what is unknown, reads little, ignores most critiques.",
            exploration=(1.3, 2.0),
            imitation=(2, 6),
            trust=(0.0, 0.3),
            deference=(0.0, 0.2),
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
    imitation: int
    curiosity: float
    trust: float
    receptivity: float
    honesty: float
    skill: float
    compliance: float
    openness: float
    candour: float
    loyalty: float
    deference: float


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
    "exploration", "curiosity", "trust", "receptivity", "honesty", "skill", "compliance", "openness", "candour",
    "loyalty", "deference",
)  # fmt: skip


def _taste(seed: int, space: SearchSpace, judgement: Range) -> Mapping[str, float]:
    """Return the taste of a run's base model: log-normal, a mixture of `reputation` and noise."""
    families = sorted({operator.family for operator in space.operators.values()})
    generator = rng(seed, "taste")
    share = generator.uniform(*judgement)
    noise = generator.standard_normal(len(families))
    known = reputation(families)
    log_taste = {f: share * known[f] + (1 - share**2) ** 0.5 * n for f, n in zip(families, noise, strict=True)}
    return {family: float(np.exp(TASTE_SD * x)) for family, x in log_taste.items()}
