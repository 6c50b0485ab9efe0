"""Opening: which known methods the lab posts on the board before round 1."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from aarlab.graph.structure.dials.dial import Dial, Opening, ResolvedStructure
from aarlab.memory.events import LAB, Evaluation, Finding, Published
from aarlab.memory.messages import content_hash

if TYPE_CHECKING:
    from aarlab.graph.structure.run_events import RunEvents

EXPLANATION = (
    "Before round 1 the lab posted known methods with their code and their scores as findings of `lab`. The message of "
    "round 1 lists them, best first. Look at this leaderboard first. Running a known method again counts as a "
    "replication, not as an idea."
)
"""Paragraph of the researchers' prompt. It is left out for a task with a single world, which has no known methods."""


def _apply(value: str, resolved: ResolvedStructure) -> None:
    resolved.opening = cast("Opening", value)
    if value != "none":
        resolved.explanations.append(EXPLANATION)


def _check(events: "RunEvents") -> Iterator[str]:
    value = events.structure["opening"]
    posts = {finding.id: finding for author, finding in events.of(Finding) if author == LAB and finding.code}
    expected = {content_hash(code): name for name, code in events.opening_methods().items()}
    posted_codes = {post.code for post in posts.values()}
    yield from (f"the lab did not post {name}" for code, name in expected.items() if code not in posted_codes)
    yield from (
        f"{key} is not a method of the opening {value}" for key, post in posts.items() if post.code not in expected
    )
    scores = {score.code: score for author, score in events.of(Evaluation) if author == LAB}
    for key, post in posts.items():
        score = scores.get(str(post.code))
        if score is None or not _shows(post, score):
            yield f"{key} does not show the score that was measured"
    published = {event.finding for _, event in events.of(Published)}
    yield from (f"{key} is not visible on the board" for key in posts if key not in published)
    for name, message in events.first_messages() if posts else ():
        if unlisted := [key for key in posts if f'"{key}"' not in message]:
            yield f"the first message of {name} does not list {unlisted[0]} of the lab"


def _shows(post: Finding, score: Evaluation) -> bool:
    """Return whether a post of the lab shows a score, rounded to two decimals."""
    rounded = [None if x is None else round(x, 2) for x in (score.pgr, score.se)]
    return rounded == [post.pgr, post.se]


DIAL = Dial(
    name="opening",
    claim="known methods on the board help a team, and may keep it near what is known",
    values={
        "none": "only the example in the system prompt",
        "published": "the four published methods of the study, with code and scores",
        "library": "all methods that come with aarlab, with code and scores",
    },
    apply=_apply,
    check=_check,
)
