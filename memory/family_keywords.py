"""The method families that a text suggests, by keywords: one definition of what it means to follow a direction.

The simulated researchers and the check of the dial `directions` both use it.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

FAMILY_KEYWORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "self-training": (
            "self-train",
            "teach the next",
            "own prediction",
            "next targets",
            "pseudo-label",
            "student together",
        ),
        "ensemble": (
            "ensemble",
            "average",
            "mean prediction",
            "several",
            "members",
            "vote",
            "bag",
            "survive",
            "cross what",
        ),
        "distillation": ("distil", "copy", "softened"),
        "data filtering": (
            "filter",
            "select",
            "drop",
            "keep the",
            "keep only",
            "discard",
            "contradict",
            "critic",
            "each other",
            "easy to learn",
        ),
        "confidence weighting": ("weigh", "weight", "confiden", "sharpen", "soften", "log odds", "agreement"),
        "loss function": ("loss", "surprising", "regularis", "penalt", "cross-entropy", "simple"),
        "unsupervised elicitation": (
            "coher",
            "consisten",
            "elicit",
            "cluster",
            "each other",
            "relation",
            "inside",
            "neighbour",
        ),
        "curriculum": ("curriculum", "which order", "simple", "easy to learn", "code length", "step by step"),
        "model internal": (
            "representation",
            "hidden state",
            "feature",
            "component",
            "direction that means",
            "small model",
        ),
        "evolutionary": ("evol", "vary what", "mutat", "population", "generation"),
        "other": ("noisy channel", "true label", "posterior", "learnab", "easy to learn"),
    }
)
"""Words and phrases in lower case, by family. A text suggests each family that has one of its keywords in the text."""


@lru_cache(maxsize=4096)
def suggested_families(text: str) -> frozenset[str]:
    """Return the families that a text suggests; empty if it has no keyword."""
    plain = re.sub(r"\s+", " ", text.lower())
    return frozenset(f for f, words in FAMILY_KEYWORDS.items() if any(word in plain for word in words))


def follows(families: Collection[str], suggested: Collection[str]) -> bool:
    """Return whether a method follows a direction: one of its operators is of a family that the direction suggests."""
    return any(family in suggested for family in families)


def share_by_chance(lengths: Sequence[int], suggested: Collection[str], all_families: Sequence[str]) -> float:
    """Return the share of methods that would follow a direction if their operators were drawn uniformly.

    Args:
        lengths: Number of operators of each method.
        suggested: The families that the direction suggests.
        all_families: The family of each operator of the toolkit.
    """
    miss = sum(family not in suggested for family in all_families) / len(all_families)
    return 1 - sum(miss**length for length in lengths) / len(lengths)
