"""Directions: does everybody start from the same words, or from a short and ambiguous direction of its own?"""

from aarlab.graph.dials.dial import Blueprint, Dial

DIRECTIONS = (
    "Let the strong student's own sense of what coheres do the labelling; the teacher is only a seed.",
    "Not every example deserves the same say: weigh, select or drop.",
    "Bring agreement between teacher and student together with what the items say about each other.",
    "Treat the teacher as a noisy channel and ask what the true label probably was.",
    "Distil: let a student teach the next student, and see what survives.",
    "Prefer simple explanations; a small model may not be able to copy the teacher's mistakes.",
    "Ask which labels are easy to learn, and in which order they should be learned.",
    "Search: vary what works, keep what survives, cross what is different.",
    "Look inside the representation for a direction that means true.",
)
"""The study's nine directions in this project's words: short, and open to more than one reading."""


def direction_of(index: int) -> str:
    """Return the direction of the researcher with this index, from 0; larger teams go round again."""
    return DIRECTIONS[index % len(DIRECTIONS)]


def _draw(value: str, blueprint: Blueprint) -> None:
    if value == "distinct":
        blueprint.distinct_directions = True
        blueprint.explained.append(
            "Each researcher starts from a direction of its own. Read yours as you see fit, and stay with it."
        )


DIAL = Dial(
    name="directions",
    claim="distinct starting directions keep a team from collapsing onto one idea",
    values={
        "none": "the same prompt for all",
        "distinct": "each researcher gets a short, ambiguous direction of its own",
    },
    draw=_draw,
)
