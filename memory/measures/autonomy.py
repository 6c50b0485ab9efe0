"""Realised autonomy: the share of decisions taken by agents.

Decisions by the structure, a reviewer or a person lower it. Only decisions that were taken are recorded.
"""

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

from aarlab.memory.events import Decision
from aarlab.memory.run_reader import RunReader

Decisions = Mapping[tuple[str, str], int]
"""Number of decisions by kind and decider."""
K = TypeVar("K", str, int)


def decisions(file: RunReader) -> dict[tuple[str, str], int]:
    """Return the number of decisions by kind and decider, sorted: {("next_step", "agent"): 40, ...}."""
    entries = file.entries(Decision)
    return dict(sorted(Counter((entry.event.decision, entry.event.taken_by) for entry in entries).items()))


def realised_autonomy(file: RunReader, counts: Decisions | None = None) -> float | None:
    """Return the share of the run's decisions, in [0, 1], that agents took; None without decisions.

    All decisions have the same weight. Agents that choose their next step do so many times an hour, so this kind
    dominates. Compare `autonomy_by_kind`.

    Args:
        file: The run.
        counts: What `decisions` returns, if it is known.
    """
    counts = decisions(file) if counts is None else counts
    by_agents = sum(count for (_, taken_by), count in counts.items() if taken_by == "agent")
    return by_agents / sum(counts.values()) if counts else None


def autonomy_by_kind(file: RunReader, counts: Decisions | None = None) -> dict[str, float]:
    """Return the agents' share, in [0, 1], of the decisions of each kind. Kinds without decisions are absent.

    Args:
        file: The run.
        counts: What `decisions` returns, if it is known.
    """
    return _shares(decisions(file) if counts is None else counts)


def autonomy_by_round(file: RunReader) -> dict[int, float]:
    """Return the agents' share, in [0, 1], of the decisions of each round; round 0 is the setup."""
    return _shares(Counter((entry.round, entry.event.taken_by) for entry in file.entries(Decision)))


def _shares(counts: Mapping[tuple[K, str], int]) -> dict[K, float]:
    totals: Counter[K] = Counter()
    for (group, _), count in counts.items():
        totals[group] += count
    return {group: counts.get((group, "agent"), 0) / totals[group] for group in sorted(totals)}
