"""How different the things are that a team works on: the entropy of method families, with an interval."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aarlab.memory.events import Finding
from aarlab.memory.roster import researchers
from aarlab.memory.runfile import RunFile
from aarlab.memory.seeds import rng

FEWEST_ACTIVE = 5
"""A round with fewer active researchers says little about diversity and is left out (Wen et al., 2026)."""
LEVEL = 0.9
"""Level of the bootstrap interval (as in Wen et al., 2026)."""
RESAMPLES = 2000
"""Number of resampled teams behind an interval."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class RoundEntropy:
    """Diversity of the team at the end of one round."""

    round: int
    active: int
    """Researchers who had posted a method."""
    bits: float
    interval: Interval
    """90 % bootstrap interval over researchers, bits."""


@dataclass(frozen=True, slots=True)
class Entropy:
    """Diversity of a team over its run."""

    bits: float
    """Averaged over rounds."""
    interval: Interval
    """90 % bootstrap interval over researchers of that average, bits."""
    rounds: tuple[RoundEntropy, ...]
    """The rounds that count, in order."""


def shannon_bits(labels: Iterable[str]) -> float:
    """Return the Shannon entropy, in bits, of how often each label occurs; 0 for none or for one kind only."""
    counts = Counter(labels)
    total = counts.total()
    # Summed over sorted counts, so that the last bit does not depend on who was counted first.
    return math.fsum(count / total * math.log2(total / count) for count in sorted(counts.values()))


def entropy(file: RunFile, families: Mapping[str, str] | None = None) -> Entropy | None:
    """Return the Shannon entropy (bits) of method families over active researchers, per round and on average.

    At the end of a round each researcher stands for the family of its latest finding that has code; whoever has posted
    none yet is not active. Rounds go up to the last in which somebody posted a method. Those in which fewer than five
    are active are left out, in a team of fewer than five those with fewer than two (after Wen et al., 2026, who count
    over steps). None if no round is left.

    The intervals are 90 % percentile intervals over 2,000 teams of the same size drawn with replacement from the
    researchers (Efron, 1979), from a stream of the run's seed, so they are the same whenever they are asked for. A team
    drawn with replacement repeats some members and misses others, so its entropy tends to be lower: in a diverse team
    the whole interval can lie below the estimate. It tells how much hangs on who happened to be in the team; it is no
    interval for another seed's entropy.

    Args:
        file: The run.
        families: Family of each finding by its id, such as the one found in its code; None: as its author declares it.
    """
    team = researchers(file)
    rounds, standing = _standing(file, team, families)
    least = FEWEST_ACTIVE if len(team) >= FEWEST_ACTIVE else 2
    counted = [i for i in range(len(rounds)) if len(standing[i]) >= least]
    if not counted:
        return None
    bits = [shannon_bits(standing[i].values()) for i in counted]
    resampled = _resampled(team, [standing[i] for i in counted], seed=file.info().seed)
    each = tuple(
        RoundEntropy(rounds[i], len(standing[i]), bits[k], _interval(resampled[:, k])) for k, i in enumerate(counted)
    )
    return Entropy(math.fsum(bits) / len(bits), _interval(_mean_of_known(resampled)), each)


def entropy_bits(file: RunFile) -> float | None:
    """Return the entropy of declared families averaged over rounds (bits), see `entropy`."""
    measured = entropy(file)
    return None if measured is None else measured.bits


def _standing(
    file: RunFile, team: list[str], families: Mapping[str, str] | None
) -> tuple[list[int], list[dict[str, str]]]:
    """Return the rounds, and for each the family by which each active researcher stands at its end."""
    posted: dict[int, dict[str, str]] = {}
    for entry in file.entries(Finding):
        if isinstance(entry.event, Finding) and entry.event.code is not None and entry.stream in team:
            finding = entry.event
            family = finding.family if families is None else families[finding.id]
            posted.setdefault(entry.round, {})[entry.stream] = family
    rounds = list(range(1, max(posted, default=0) + 1))
    standing: list[dict[str, str]] = []
    for round_ in rounds:
        standing.append((standing[-1] if standing else {}) | posted.get(round_, {}))
    return rounds, standing


def _resampled(team: list[str], standing: list[dict[str, str]], *, seed: int) -> NDArray[np.float64]:
    """Return (RESAMPLES, rounds) entropies of resampled teams, NaN where none of a team is active."""
    drawn = rng(seed, "measures", "entropy").integers(len(team), size=(RESAMPLES, len(team)))
    weights = np.stack([(drawn == i).sum(axis=1) for i in range(len(team))], axis=1)
    result = np.empty((RESAMPLES, len(standing)))
    for k, families in enumerate(standing):
        kinds = sorted(set(families.values()))
        stands_for = np.array([[families.get(name) == kind for kind in kinds] for name in team], dtype=np.int64)
        counts = (weights @ stands_for).astype(np.float64)
        total = counts.sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = counts / total
            terms = np.where(share > 0, -share * np.log2(share), 0.0)
        result[:, k] = np.where(total[:, 0] > 0, np.maximum(terms.sum(axis=1), 0.0), np.nan)
    return result


def _mean_of_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each row without its NaN, for rows that have anything else."""
    known = ~np.isnan(values)
    some = known.any(axis=1)
    total: NDArray[np.float64] = np.where(known, values, 0.0)[some].sum(axis=1) / known[some].sum(axis=1)
    return total


def _interval(values: NDArray[np.float64]) -> Interval:
    low, high = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
