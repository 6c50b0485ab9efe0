"""Realised autonomy: the share of decisions taken by agents.

Decisions by the structure, a reviewer or a person lower it. Only decisions that were taken are recorded.
"""

from collections import Counter

from aarlab.memory.events import Decision
from aarlab.memory.run_reader import RunReader


def decisions(file: RunReader) -> dict[tuple[str, str], int]:
    """Return the number of decisions by kind and decider, sorted: {("next_step", "agent"): 40, ...}."""
    entries = file.entries(Decision)
    return dict(sorted(Counter((entry.event.decision, entry.event.taken_by) for entry in entries).items()))


def realised_autonomy(file: RunReader) -> float | None:
    """Return the share of the run's decisions, in [0, 1], that agents took; None without decisions.

    All decisions have the same weight. Agents that choose their next step do so many times an hour, so this kind
    dominates. Compare `autonomy_by_kind`.
    """
    return _share([entry.event.taken_by for entry in file.entries(Decision)])


def autonomy_by_kind(file: RunReader) -> dict[str, float]:
    """Return the agents' share, in [0, 1], of the decisions of each kind. Kinds without decisions are absent."""
    deciders: dict[str, list[str]] = {}
    for entry in file.entries(Decision):
        deciders.setdefault(entry.event.decision, []).append(entry.event.taken_by)
    return {kind: share for kind in sorted(deciders) if (share := _share(deciders[kind])) is not None}


def autonomy_by_round(file: RunReader) -> dict[int, float]:
    """Return the agents' share, in [0, 1], of the decisions of each round; round 0 is the setup."""
    deciders: dict[int, list[str]] = {}
    for entry in file.entries(Decision):
        deciders.setdefault(entry.round, []).append(entry.event.taken_by)
    return {round_: share for round_ in sorted(deciders) if (share := _share(deciders[round_])) is not None}


def _share(deciders: list[str]) -> float | None:
    return deciders.count("agent") / len(deciders) if deciders else None
