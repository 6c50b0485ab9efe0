"""Diversity: the entropy of the method families that a team works on, with a bootstrap interval."""

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
"""Rounds with fewer active researchers are excluded (Wen et al., 2026)."""
CONFIDENCE_LEVEL = 0.9
"""Level of the bootstrap interval (as in Wen et al., 2026)."""
N_RESAMPLES = 2000
"""Number of resampled teams for an interval."""
_BLOCK = 2_000_000
"""Number of drawn researchers in memory at the same time."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class RoundEntropy:
    """Diversity of the team at the end of one round."""

    round: int
    active: int
    """Number of researchers that had posted a method."""
    bits: float
    interval: Interval
    """90 % bootstrap interval over researchers, bias-corrected, bits. It contains `bits`."""


@dataclass(frozen=True, slots=True)
class Entropy:
    """Diversity of a team over its run."""

    bits: float
    """Mean over rounds."""
    interval: Interval
    """90 % bootstrap interval over researchers for the mean, bias-corrected, bits. It contains `bits`."""
    rounds: tuple[RoundEntropy, ...]
    """The included rounds, in order."""


def shannon_bits(labels: Iterable[str]) -> float:
    """Return the Shannon entropy, in bits, of the label frequencies; 0 without labels."""
    counts = Counter(labels)
    total = counts.total()
    # Sorted, so that rounding does not depend on the order of the labels.
    return math.fsum(count / total * math.log2(total / count) for count in sorted(counts.values()))


def entropy(file: RunReader, families: Mapping[str, str] | None = None) -> Entropy | None:
    """Return the Shannon entropy (bits) of method families over active researchers, per round and on average.

    At the end of a round, each researcher counts with the family of its latest finding that has code. A researcher
    without one is not active. The last round is the last one in which a method was posted. Rounds with fewer than five
    active researchers are excluded; in teams of fewer than five, rounds with fewer than two (after Wen et al., 2026,
    who count over steps). None if all rounds are excluded. A researcher and those that later took its place count as
    one.

    The intervals are 90 % bootstrap intervals over 2,000 teams of the same size, drawn with replacement from the
    researchers. They are seeded by the run and therefore deterministic. A resampled team repeats some members and lacks
    others, so its entropy tends to be lower. This bias is the mean of the resamples minus the estimate, and it is
    subtracted from the resamples (Efron and Tibshirani, 1993, chapter 10). No team exceeds log2 of its active
    researchers. The interval shows how much the entropy depends on single researchers. It does not predict the entropy
    under another seed.

    Args:
        file: The run.
        families: Family of each finding by its id, for example derived from its code; None: as declared by its author.
    """
    places = file.places()
    team = list(dict.fromkeys(places.values()))
    rounds, latest_families = _latest_families(file, places, families)
    min_active = MIN_ACTIVE if len(team) >= MIN_ACTIVE else 2
    counted = [i for i in range(len(rounds)) if len(latest_families[i]) >= min_active]
    if not counted:
        return None
    bits = [shannon_bits(latest_families[i].values()) for i in counted]
    resampled = _resample_entropies(team, [latest_families[i] for i in counted], seed=file.info().seed)
    highest = [math.log2(len(latest_families[i])) for i in counted]
    per_round = tuple(
        RoundEntropy(rounds[i], len(latest_families[i]), bits[k], _interval(resampled[:, k], bits[k], highest[k]))
        for k, i in enumerate(counted)
    )
    some_active = ~np.isnan(resampled).all(axis=1)
    mean, mean_highest = (math.fsum(values) / len(bits) for values in (bits, highest))
    return Entropy(mean, _interval(np.nanmean(resampled[some_active], axis=1), mean, mean_highest), per_round)


def entropy_bits(file: RunReader) -> float | None:
    """Return the entropy of declared families, mean over rounds (bits); see `entropy`."""
    result = entropy(file)
    return None if result is None else result.bits


def _latest_families(
    file: RunReader, places: Mapping[str, str], families: Mapping[str, str] | None
) -> tuple[list[int], list[dict[str, str]]]:
    """Return the rounds, and for each the latest family of every active researcher, by its place."""
    posted: dict[int, dict[str, str]] = {}
    for entry in file.entries(Finding):
        if entry.event.code is not None and entry.stream in places:
            finding = entry.event
            family = finding.family if families is None else families[finding.id]
            posted.setdefault(entry.round, {})[places[entry.stream]] = family
    rounds = list(range(1, max(posted, default=0) + 1))
    latest_families: list[dict[str, str]] = []
    for round_ in rounds:
        latest_families.append((latest_families[-1] if latest_families else {}) | posted.get(round_, {}))
    return rounds, latest_families


def _resample_entropies(team: list[str], latest_families: list[dict[str, str]], *, seed: int) -> NDArray[np.float64]:
    """Return the (N_RESAMPLES, rounds) entropies of resampled teams, NaN where no member of a team is active."""
    memberships = [_membership(team, families) for families in latest_families]
    generator = rng(seed, "measures", "entropy")
    result = np.empty((N_RESAMPLES, len(latest_families)))
    size = max(1, _BLOCK // len(team))
    for start in range(0, N_RESAMPLES, size):
        block = result[start : start + size]
        drawn = generator.integers(len(team), size=(len(block), len(team)))
        cells = drawn + len(team) * np.arange(len(block))[:, None]
        # As floats, which hold these integers exactly: products of integer matrices are ten times as slow.
        weights = np.bincount(cells.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float64)
        for k, membership in enumerate(memberships):
            counts = weights @ membership
            total = counts.sum(axis=1, keepdims=True)
            with np.errstate(divide="ignore", invalid="ignore"):
                share = counts / total
                terms = np.where(share > 0, -share * np.log2(share), 0.0)
            block[:, k] = np.where(total[:, 0] > 0, np.maximum(terms.sum(axis=1), 0.0), np.nan)
    return result


def _membership(team: list[str], families: Mapping[str, str]) -> NDArray[np.float64]:
    """Return the (team, families) matrix with a one for the family of each active researcher."""
    column = {kind: i for i, kind in enumerate(sorted(set(families.values())))}
    membership = np.zeros((len(team), len(column)))
    for row, name in enumerate(team):
        if name in families:
            membership[row, column[families[name]]] = 1
    return membership


def _interval(values: NDArray[np.float64], estimate: float, highest: float) -> Interval:
    """Return the interval of resampled values without their bias, between 0 and the highest possible value."""
    corrected = values - float(np.nanmean(values)) + estimate
    low, high = np.nanquantile(corrected, [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2])
    return max(0.0, min(float(low), estimate)), min(highest, max(float(high), estimate))
