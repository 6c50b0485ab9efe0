"""Authority: all findings are listed alike, or those of one researcher, the senior, are marked and listed first."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure
from aarlab.memory.board import AUTHOR_RANK, SENIOR
from aarlab.memory.seeds import rng

if TYPE_CHECKING:
    from aarlab.graph.structure.run_events import RunEvents


def draw_senior(names: Sequence[str], seed: int) -> str:
    """Return the senior of a team, drawn with the run's seed, so that no direction always belongs to the senior."""
    return names[int(rng(seed, "senior").integers(len(names)))]


def explanation(agent: str, senior: str) -> str:
    """Return the paragraph of an agent's system prompt that names the senior."""
    mark = f'`"{AUTHOR_RANK}": "{SENIOR}"`'
    if agent == senior:
        return f"You are the senior researcher of the team. Your findings have the mark {mark} and are listed first."
    return (
        f"{senior} is the senior researcher of the team. Its findings have the mark {mark} and are listed first. You "
        "may deviate from them."
    )


def _apply(value: str, resolved: ResolvedStructure) -> None:
    resolved.has_senior = value == "senior"


def _check(events: "RunEvents") -> Iterator[str]:
    if events.structure["authority"] == "flat":
        yield from (f"{name} was given a senior" for name, setup in events.setups.items() if setup.senior is not None)
        return
    seniors = {name: setup.senior for name, setup in events.setups.items()}
    if len(set(seniors.values())) > 1 or None in seniors.values():
        yield f"the researchers have no common senior: {seniors}"
        return
    for name, senior in seniors.items():
        for listing, is_ordered in events.listings(name):
            marked = [entry.get(AUTHOR_RANK) == SENIOR for entry in listing]
            if marked != [entry["author"] == senior for entry in listing]:
                yield f"{name} received findings whose mark does not match their author"
            elif is_ordered and marked != sorted(marked, reverse=True):
                yield f"{name} received a list in which the findings of the senior are not first"


DIAL = Dial(
    name="authority",
    claim="juniors follow a senior, which reduces the diversity of a team",
    values={
        "flat": "all findings are listed alike",
        "senior": "the findings of one researcher, drawn at random, are marked and listed first; the others may "
        "deviate from them",
    },
    apply=_apply,
    check=_check,
)
