"""Directions: one prompt for all researchers, a short ambiguous direction for each, or a pool of assigned ideas."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure
from aarlab.memory.family_keywords import follows, share_by_chance, suggested_families

if TYPE_CHECKING:
    from aarlab.graph.structure.run_events import RunEvents

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
"""The nine directions of the study, reworded, each with the method families that it suggests. The texts are short and
ambiguous on purpose. No agent sees the families; `memory.family_keywords` finds the same ones in the texts.
"""
SEARCH_DIRECTIONS = (
    "Change one bit at a time, and keep what helps.",
    "Change several bits at once.",
    "Start far from the start string.",
    "Combine the best strings on the board.",
    "Find out which bits depend on each other.",
    "Stay close to the best string that is known.",
    "Work on the first half of the bits before the second.",
    "Work on the second half of the bits before the first.",
    "Try strings unlike any on the board.",
)
"""Directions for the search on one landscape. They suggest no method family, so no check compares methods with them."""
MIN_FINDINGS = 3
"""Minimum number of methods posted by a researcher before its direction is compared with them."""


def direction_of(index: int, *, single_world: bool = False) -> str:
    """Return the direction of the researcher with this index, from 0; larger teams repeat the list.

    A task with a single world, which is a search problem, has its own directions.
    """
    directions = SEARCH_DIRECTIONS if single_world else tuple(DIRECTIONS)
    return directions[index % len(directions)]


def _apply(value: str, resolved: ResolvedStructure) -> None:
    if value == "distinct":
        resolved.distinct_directions = True
        resolved.explanations.append(
            "Each researcher starts from its own direction. Interpret yours freely, and keep to it."
        )
    if value == "pool":
        resolved.assigners.append("pool")
        resolved.explanations.append(
            "The ideas were written in advance and are assigned one at a time. Implement only the idea assigned to you "
            "until you have posted a finding with an experiment on it."
        )


def _check(events: "RunEvents") -> Iterator[str]:
    setups = events.setups
    if events.structure["directions"] != "distinct":
        yield from (f"{name} was given a direction" for name, setup in setups.items() if setup.direction is not None)
        return
    for name, setup in setups.items():
        if setup.direction is None:
            yield f"{name} was given no direction"
        elif not events.assigns_ideas and events.structure["coordination"] == "peers":
            # Otherwise the researcher did not choose all its ideas.
            yield from _deviation(events, name, setup.direction)


def _deviation(events: "RunEvents", name: str, direction: str) -> Iterator[str]:
    """Yield a message if the methods of a researcher follow its direction less often than random methods would."""
    suggested = suggested_families(direction)
    codes = [finding.code for finding in events.findings_by(name) if finding.code is not None]
    methods = [families for code in codes if (families := events.families(code))]
    if not suggested or len(methods) < MIN_FINDINGS:
        return
    share = sum(follows(families, suggested) for families in methods) / len(methods)
    chance = share_by_chance([len(families) for families in methods], suggested, events.operator_families)
    if share < chance - (chance * (1 - chance) / len(methods)) ** 0.5:  # less than by chance, by a standard error
        yield (
            f"{name} did not follow its direction: {100 * share:.0f} % of its {len(methods)} methods use "
            f"{' or '.join(sorted(suggested))}; {100 * chance:.0f} % would by chance"
        )


DIAL = Dial(
    name="directions",
    claim="distinct starting directions keep a team from converging on one idea",
    values={
        "none": "the same prompt for all",
        "distinct": "each researcher gets its own short, ambiguous direction",
        "pool": "the base model writes specific ideas in advance, which are assigned one by one",
    },
    apply=_apply,
    check=_check,
)
