"""Who decided: realised autonomy, and the decisions behind it.

A decision counts as the agents' only if an agent took it. What the structure, a reviewer or a person decided does not
count, and neither does what was never asked.
"""

from collections import Counter

from aarlab.memory.events import Decision
from aarlab.memory.run_reader import RunReader


def decisions(file: RunReader) -> dict[tuple[str, str], int]:
    """Return how many decisions of each kind each taker took: {("next_step", "agent"): 40, ...}, sorted."""
    return dict(sorted(Counter((d.decision, d.taken_by) for _, d in _decisions(file)).items()))


def realised_autonomy(file: RunReader) -> float | None:
    """Return the share of the run's decisions, in [0, 1], that agents took. None if nothing was decided.

    Every decision weighs the same, and an agent that may do so decides on its next step many times an hour: read it
    beside `autonomy_by_kind`.
    """
    return _share([decision.taken_by for _, decision in _decisions(file)])


def autonomy_by_kind(file: RunReader) -> dict[str, float]:
    """Return the agents' share, in [0, 1], of the decisions of each kind. Kinds of which there were none are absent."""
    takers: dict[str, list[str]] = {}
    for _, decision in _decisions(file):
        takers.setdefault(decision.decision, []).append(decision.taken_by)
    return {kind: share for kind in sorted(takers) if (share := _share(takers[kind])) is not None}


def autonomy_by_round(file: RunReader) -> dict[int, float]:
    """Return the agents' share, in [0, 1], of the decisions of each round; round 0 is the briefing."""
    takers: dict[int, list[str]] = {}
    for round_, decision in _decisions(file):
        takers.setdefault(round_, []).append(decision.taken_by)
    return {round_: share for round_ in sorted(takers) if (share := _share(takers[round_])) is not None}


def _decisions(file: RunReader) -> list[tuple[int, Decision]]:
    return [(entry.round, entry.event) for entry in file.entries(Decision)]


def _share(takers: list[str]) -> float | None:
    return takers.count("agent") / len(takers) if takers else None
