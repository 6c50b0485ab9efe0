"""What can be read from a run file about the team as a whole: pure functions of the event log."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable

from aarlab.memory.events import Brief, Decision, Experiment, Finding
from aarlab.memory.runfile import RunFile

FEWEST_ACTIVE = 5
"""A round with fewer active researchers says little about diversity and is left out (Wen et al., 2026)."""


def researchers(file: RunFile) -> list[str]:
    """Return the names of the run's researchers, in order of their briefing."""
    return [
        entry.stream
        for entry in file.entries(Brief)
        if isinstance(entry.event, Brief) and entry.event.role == "researcher"
    ]


def shannon_bits(labels: Iterable[str]) -> float:
    """Return the Shannon entropy, in bits, of how often each label occurs; 0 for none or for one kind only."""
    counts = Counter(labels)
    total = counts.total()
    # Summed over sorted counts, so that the last bit does not depend on who was counted first.
    return math.fsum(count / total * math.log2(total / count) for count in sorted(counts.values()))


def entropy_bits(file: RunFile) -> float | None:
    """Return the Shannon entropy (bits) of method families over researchers, averaged over rounds.

    At the end of a round each researcher stands for the family of its latest finding that has code; whoever has posted
    none yet does not count. Rounds in which fewer than five count are left out, in a team of fewer than five those in
    which fewer than two do (after Wen et al., 2026, who count over steps). None if no round is left.
    """
    posted: dict[int, dict[str, str]] = defaultdict(dict)
    for entry in file.entries(Finding):
        if isinstance(entry.event, Finding) and entry.event.code is not None:
            posted[entry.round][entry.event.author] = entry.event.family
    least = FEWEST_ACTIVE if len(researchers(file)) >= FEWEST_ACTIVE else 2
    standing: dict[str, str] = {}
    entropies: list[float] = []
    for round_ in range(1, max(posted, default=0) + 1):
        standing |= posted[round_]
        if len(standing) >= least:
            entropies.append(shannon_bits(standing.values()))
    return math.fsum(entropies) / len(entropies) if entropies else None


def realised_autonomy(file: RunFile) -> float | None:
    """Return the share of the run's decisions, in [0, 1], that agents took. None if nothing was decided."""
    takers = [entry.event.taken_by for entry in file.entries(Decision) if isinstance(entry.event, Decision)]
    return takers.count("agent") / len(takers) if takers else None


def frontier(file: RunFile) -> list[tuple[float, float]]:
    """Return the best development PGR so far over cumulative team hours: one pair for each improvement, in order.

    Researchers work side by side, so the team has used as many hours as one researcher times the size of the team.
    Only full experiments count.
    """
    team = len(researchers(file))
    scored = sorted(
        (entry.hours, entry.event.pgr)
        for entry in file.entries(Experiment)
        if isinstance(entry.event, Experiment) and entry.event.fidelity == "full" and entry.event.pgr is not None
    )
    steps: list[tuple[float, float]] = []
    for hours, pgr in scored:
        if not steps or pgr > steps[-1][1]:
            steps.append((team * hours, pgr))
    return steps
