"""Heuristics of the simulated agents: relevance of operators to a text, and problems of logs and findings."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from aarlab.agents.models.simulated.recipe import SearchSpace

IGNORES_TEACHER = 0.5
"""A method with this agreement with the teacher or less is assumed to ignore the teacher."""
UNRELIABLE_SE = 0.1
"""A score with this standard error or a larger one is unreliable."""
REMEDIES = (
    "prior_correction",
    "project_relations",
    "sharpen",
    "auxiliary_confidence",
    "regularise",
    "cross_fit",
    "bag",
)
"""Operators that a reviewer may suggest."""
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
    """Return the problem of the final targets in a training log: where it starts, its description, and its remedy.

    The remedy is an operator. None if there is no problem.
    """
    steps = [(i, entry) for i, entry in enumerate(log) if entry.get("operator") not in ("start", "finish")]
    for bad, about, remedy in _SYMPTOMS:
        if steps and bad(steps[-1][1]):
            position, entry = next((i, entry) for i, entry in steps if bad(entry))
            return position, about.format(entry["operator"]), remedy
    return None


def _unbalanced(entry: Mapping[str, Any]) -> bool:
    return not 0.3 <= float(entry.get("balance", 0.5)) <= 0.7


def _violates_relations(entry: Mapping[str, Any]) -> bool:
    return float(entry.get("relation_violations") or 0.0) > 0.25


_SYMPTOMS = (
    (_unbalanced, "{} leaves one class with most of the labels", "prior_correction"),
    (_violates_relations, "after {} many relations are violated", "project_relations"),
)


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


def diagnose(finding: Mapping[str, Any]) -> str | None:
    """Return the problem of a finding that its score and training log show, with evidence and remedy; None if none.

    The signs are general knowledge about learning from weak labels: classes out of balance, violated relations, targets
    that stay undecided, a student that copies the teacher (Burns et al. 2023).
    """
    log = [entry for entry in finding.get("log") or [] if isinstance(entry, dict)]
    if problem := log_problem(log):
        return problem
    if symptom := log_symptom(log):
        return f"the log shows that {symptom[1]}. Try {symptom[2]}."
    se = finding.get("se")
    if se is not None and se >= UNRELIABLE_SE:
        return f"the standard error is {se:.2f}: a difference smaller than twice that may be noise. Replicate it first."
    return _remedy(log[-1]) if log else None


def _remedy(end: Mapping[str, Any]) -> str | None:
    """Return what the end of a training log suggests; None if it suggests nothing."""
    agreement, entropy = float(end.get("agreement", 0.8)), float(end.get("entropy", 0.0))
    if agreement >= 0.95:
        share = f"{100 * agreement:.0f} %"
        return f"the targets agree with the teacher on {share} and copy its errors. Try auxiliary_confidence."
    if entropy >= 0.9:
        return f"the targets stay undecided (entropy {entropy:.2f}). Try sharpen."
    return None
