"""How different the things are that a team works on: the entropy of method families, with an interval."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aarlab.memory.events import Finding
from aarlab.memory.run_reader import RunReader
from aarlab.memory.seeds import rng

MIN_ACTIVE = 5
"""A round with fewer active researchers says little about diversity and is left out (Wen et al., 2026)."""
CONFIDENCE_LEVEL = 0.9
"""Level of the bootstrap interval (as in Wen et al., 2026)."""
N_RESAMPLES = 2000
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


def entropy(file: RunReader, families: Mapping[str, str] | None = None) -> Entropy | None:
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
    team = file.researchers()
    rounds, latest_families = _latest_families(file, team, families)
    min_active = MIN_ACTIVE if len(team) >= MIN_ACTIVE else 2
    counted = [i for i in range(len(rounds)) if len(latest_families[i]) >= min_active]
    if not counted:
        return None
    bits = [shannon_bits(latest_families[i].values()) for i in counted]
    resampled = _resample_entropies(team, [latest_families[i] for i in counted], seed=file.info().seed)
    per_round = tuple(
        RoundEntropy(rounds[i], len(latest_families[i]), bits[k], _interval(resampled[:, k]))
        for k, i in enumerate(counted)
    )
    return Entropy(math.fsum(bits) / len(bits), _interval(_row_means_without_nan(resampled)), per_round)


def entropy_bits(file: RunReader) -> float | None:
    """Return the entropy of declared families averaged over rounds (bits), see `entropy`."""
    measured = entropy(file)
    return None if measured is None else measured.bits


def _latest_families(
    file: RunReader, team: list[str], families: Mapping[str, str] | None
) -> tuple[list[int], list[dict[str, str]]]:
    """Return the rounds, and for each the family by which each active researcher stands at its end."""
    posted: dict[int, dict[str, str]] = {}
    for entry in file.entries(Finding):
        if entry.event.code is not None and entry.stream in team:
            finding = entry.event
            family = finding.family if families is None else families[finding.id]
            posted.setdefault(entry.round, {})[entry.stream] = family
    rounds = list(range(1, max(posted, default=0) + 1))
    latest_families: list[dict[str, str]] = []
    for round_ in rounds:
        latest_families.append((latest_families[-1] if latest_families else {}) | posted.get(round_, {}))
    return rounds, latest_families


def _resample_entropies(team: list[str], latest_families: list[dict[str, str]], *, seed: int) -> NDArray[np.float64]:
    """Return (RESAMPLES, rounds) entropies of resampled teams, NaN where none of a team is active."""
    drawn = rng(seed, "measures", "entropy").integers(len(team), size=(N_RESAMPLES, len(team)))
    weights = np.stack([(drawn == i).sum(axis=1) for i in range(len(team))], axis=1)
    result = np.empty((N_RESAMPLES, len(latest_families)))
    for k, families in enumerate(latest_families):
        kinds = sorted(set(families.values()))
        family_membership = np.array([[families.get(name) == kind for kind in kinds] for name in team], dtype=np.int64)
        counts = (weights @ family_membership).astype(np.float64)
        total = counts.sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = counts / total
            terms = np.where(share > 0, -share * np.log2(share), 0.0)
        result[:, k] = np.where(total[:, 0] > 0, np.maximum(terms.sum(axis=1), 0.0), np.nan)
    return result


def _row_means_without_nan(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each row without its NaN, for rows that have anything else."""
    known = ~np.isnan(values)
    some = known.any(axis=1)
    total: NDArray[np.float64] = np.where(known, values, 0.0)[some].sum(axis=1) / known[some].sum(axis=1)
    return total


def _interval(values: NDArray[np.float64]) -> Interval:
    low, high = np.nanquantile(values, [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2])
    return float(low), float(high)
