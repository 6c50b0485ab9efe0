"""Heuristics of the simulated agents: relevance of operators to a text, and problems in a training log."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from aarlab.agents.models.simulated.recipe import SearchSpace

IGNORES_TEACHER = 0.5
"""A method with this agreement with the teacher or less is assumed to ignore the teacher."""
_WORD = re.compile(r"[a-z]{4,}")


@lru_cache(maxsize=4096)
def operator_relevance(text: str, space: SearchSpace) -> Mapping[str, float]:
    """Return the relevance of each operator to a text, in [0, 1]: shared word stems, weighted by their rarity."""
    bags = {name: word_stems(f"{name} {o.family} {o.about}") for name, o in space.operators.items()}
    text_stems = word_stems(text)
    rarity = {stem: sum(stem in bag for bag in bags.values()) for stem in text_stems}
    raw = {name: sum(1 / rarity[stem] for stem in sorted(text_stems & bag)) for name, bag in bags.items()}
    highest = max(raw.values()) or 1.0
    return {name: value / highest for name, value in raw.items()}


def word_stems(text: str) -> set[str]:
    """Return the first five letters of each word of a text. Words of fewer than four letters are ignored."""
    return {word[:5] for word in _WORD.findall(text.lower())}


def log_symptom(log: Sequence[Mapping[str, Any]]) -> tuple[int, str, str] | None:
    """Return the first problem in a training log: its position, its description, and the operator that fixes it.

    None if there is no problem.
    """
    for position, entry in enumerate(log):
        if entry.get("operator") in ("start", "finish"):
            continue
        if not 0.3 <= float(entry.get("balance", 0.5)) <= 0.7:
            return position, f"{entry['operator']} leaves one class with most of the labels", "prior_correction"
        violations = entry.get("relation_violations")
        if violations is not None and float(violations) > 0.25:
            return position, f"after {entry['operator']} many relations are violated", "project_relations"
    return None


def log_problem(log: Sequence[Mapping[str, Any]]) -> str | None:
    """Return why a training log is suspicious; None if it is not."""
    for entry in log:
        if entry.get("warnings"):
            return f"the log warns at {entry['operator']}: {entry['warnings'][0]}"
        if float(entry.get("agreement", 1.0)) <= IGNORES_TEACHER:
            return f"after {entry['operator']} the targets agree with the teacher only by chance"
        if not 0.2 <= float(entry.get("balance", 0.5)) <= 0.8:
            return f"after {entry['operator']} nearly all labels are of one class"
    return None
