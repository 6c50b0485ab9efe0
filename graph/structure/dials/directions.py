"""Directions: does everybody start from the same words, from a short and ambiguous direction of its own, or with
specific ideas that were written in advance?
"""

from collections.abc import Mapping

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure

DIRECTIONS: Mapping[str, frozenset[str]] = {
    "Let the strong student's own sense of what coheres do the labelling; the teacher is only a seed.": frozenset(
        {"unsupervised elicitation"}
    ),
    "Not every example deserves the same say: weigh, select or drop.": frozenset(
        {"confidence weighting", "data filtering"}
    ),
    "Bring agreement between teacher and student together with what the items say about each other.": frozenset(
        {"unsupervised elicitation", "self-training", "confidence weighting", "data filtering"}
    ),
    "Treat the teacher as a noisy channel and ask what the true label probably was.": frozenset({"other"}),
    "Distil: let a student teach the next student, and see what survives.": frozenset(
        {"distillation", "self-training", "ensemble"}
    ),
    "Prefer simple explanations; a small model may not be able to copy the teacher's mistakes.": frozenset(
        {"model internal", "loss function", "curriculum", "distillation"}
    ),
    "Ask which labels are easy to learn, and in which order they should be learned.": frozenset(
        {"curriculum", "other", "data filtering"}
    ),
    "Search: vary what works, keep what survives, cross what is different.": frozenset({"evolutionary", "ensemble"}),
    "Look inside the representation for a direction that means true.": frozenset(
        {"model internal", "unsupervised elicitation"}
    ),
}
"""The study's nine directions in this project's words: short, and open to more than one reading. With each the method
families that it points at, for the check at the close; nobody is told them."""


def direction_of(index: int) -> str:
    """Return the direction of the researcher with this index, from 0; larger teams go round again."""
    return list(DIRECTIONS)[index % len(DIRECTIONS)]


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value == "distinct":
        resolved.distinct_directions = True
        resolved.explanations.append(
            "Each researcher starts from a direction of its own. Read yours as you see fit, and stay with it."
        )
    if value == "pool":
        resolved.assigners.append("pool")
        resolved.explanations.append(
            "The ideas were written in advance. They are handed out one after the other; you implement the one you "
            "have been given, and nothing else, until you have posted a finding with an experiment on it."
        )


DIAL = Dial(
    name="directions",
    claim="distinct starting directions keep a team from collapsing onto one idea",
    values={
        "none": "the same prompt for all",
        "distinct": "each researcher gets a short, ambiguous direction of its own",
        "pool": "specific ideas written in advance by the base model, handed out and worked off",
    },
    apply=_apply,
)
