"""Posts of the board in the orders in which they are asked for, kept in these orders while posts are added."""

import heapq
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from aarlab.memory.events import Finding, FindingType, FlagOutcome
from aarlab.memory.substring_index import SubstringIndex

if TYPE_CHECKING:  # it loads numpy
    from aarlab.memory.text_index import TextIndex

MIN_INDEXED = 250
"""Posts of a view from which on `containing` makes an index: fewer are read faster than many small indexes are kept."""
PostOrder = Literal["oldest", "newest", "best"]
"""By round, author and number; the reverse; or by development PGR, the newest first of those with the same PGR."""
Position = tuple[int, tuple[int | str, ...], str]
"""Round, natural sort key and id of a post: the order of the board. It does not depend on the order of arrival."""


@dataclass(frozen=True, slots=True)
class Post:
    """A finding on the board."""

    finding: Finding
    round: int
    """Round in which it was posted."""
    hours: float
    """Research hours of its author when it was posted."""
    published: bool
    """Whether other researchers can see it."""
    position: Position
    by_senior: bool = False
    """Whether its author is the senior of the team."""
    held_back: FlagOutcome | None = None
    """`withheld` or `disqualified` if a flag of a monitor had this outcome; it is not published."""

    @property
    def is_full_result(self) -> bool:
        """Whether it reports a full experiment, as the posts of the leaderboard do, and is not disqualified."""
        return self.held_back != "disqualified" and self.finding.type == "result" and self.finding.fidelity == "full"

    @property
    def text(self) -> str:
        """The text that a search looks at."""
        return f"{self.finding.title}\n{self.finding.body}\n{self.finding.family}"


_SortKey = Callable[[Post], Any]


def _position(post: Post) -> Position:
    return post.position


def _score(post: Post) -> tuple[float, Position]:
    return post.finding.pgr if post.finding.pgr is not None else float("-inf"), post.position


def order_key(order: PostOrder) -> _SortKey:
    """Return the sort key of an order; `newest` and `best` are sorted in reverse."""
    return _score if order == "best" else _position


def leaderboard_order(post: Post) -> tuple[float, Position]:
    """Return the sort key of the leaderboard: best development score first, then the order of the board."""
    return -(post.finding.pgr if post.finding.pgr is not None else float("-inf")), post.position


class BoardView:
    """Some posts in all orders. Adding one, and reading the first posts of an order, hardly depend on their number."""

    def __init__(self) -> None:
        """Begin without posts."""
        self._by_position: dict[tuple[FindingType, bool], list[Post]] = defaultdict(list)
        """By type, and whether the author is the senior."""
        self._by_score: dict[tuple[FindingType, bool], list[Post]] = defaultdict(list)
        self.leaderboard: list[Post] = []
        """The results of full experiments, best development score first."""
        self._best_of_families: dict[str, Post] | None = None
        """None: not asked for since a post was removed."""
        self._text_index: TextIndex | None = None
        """Made by the first search, and made again after a post that does not come last in the order of the board."""
        self._indexed: list[Post] = []
        """The posts in the text index, in its order."""
        self._substring_indexes: dict[bool | None, tuple[SubstringIndex, list[Post]]] = {}
        """Those of the senior's posts, of the others' and of all, each with its posts, which are the first of them."""

    def add(self, post: Post) -> None:
        """Add a post."""
        for posts, key in self._lists_of(post):
            insort(posts, post, key=key)
        if self._best_of_families is not None:
            self._note_family(self._best_of_families, post)
        if self._text_index is not None:
            if self._indexed and post.position < self._indexed[-1].position:
                self._text_index, self._indexed = None, []
            else:
                self._add_text(self._text_index, post)
        for by_senior in (None, post.by_senior):
            _, indexed = self._substring_indexes.get(by_senior, (None, ()))
            if indexed and post.position < indexed[-1].position:
                del self._substring_indexes[by_senior]

    def remove(self, post: Post) -> None:
        """Remove a post. Views that are searched only grow."""
        for posts, key in self._lists_of(post):
            del posts[bisect_left(posts, key(post), key=key)]
        self._best_of_families = None

    def _lists_of(self, post: Post) -> Iterator[tuple[list[Post], _SortKey]]:
        group = post.finding.type, post.by_senior
        yield self._by_position[group], _position
        yield self._by_score[group], _score
        if post.is_full_result:
            yield self.leaderboard, leaderboard_order

    def count(self, type: FindingType | None = None) -> int:
        """Return the number of posts, of one type or of all."""
        return sum(len(posts) for (kind, _), posts in self._by_position.items() if type in (None, kind))

    def iterate(
        self, order: PostOrder, *, type: FindingType | None = None, by_senior: bool | None = None
    ) -> Iterator[Post]:
        """Return the posts of a type, None for all, by the senior or by others, None for all."""
        by_group, key = (self._by_score, _score) if order == "best" else (self._by_position, _position)
        groups = [
            posts for (kind, senior), posts in by_group.items() if type in (None, kind) and by_senior in (None, senior)
        ]
        if order == "oldest":
            return heapq.merge(*groups, key=key)
        return heapq.merge(*map(reversed, groups), key=key, reverse=True)

    def of_round(self, round: int) -> list[Post]:
        """Return the posts of a round in the order of the board."""
        return sorted(chain(*(posts[part] for posts, part in self._parts_of_round(round))), key=_position)

    def count_of_round(self, round: int) -> int:
        """Return the number of posts of a round."""
        return sum(part.stop - part.start for _, part in self._parts_of_round(round))

    def _parts_of_round(self, round: int) -> Iterator[tuple[list[Post], slice]]:
        for posts in self._by_position.values():
            first, end = (bisect_left(posts, n, key=lambda post: post.round) for n in (round, round + 1))
            yield posts, slice(first, end)

    @property
    def best_of_families(self) -> dict[str, Post]:
        """The first post of the leaderboard of each method family, without those that have no score."""
        if self._best_of_families is None:
            self._best_of_families = {}
            for post in self.leaderboard:
                self._note_family(self._best_of_families, post)
        return self._best_of_families

    def _note_family(self, best: dict[str, Post], post: Post) -> None:
        if post.is_full_result and post.finding.pgr is not None:
            best[post.finding.family] = min(best.get(post.finding.family, post), post, key=leaderboard_order)

    def search(self, query: str, extra: Sequence[Post], limit: int) -> list[Post]:
        """Return the posts that have any word of a query, best first, as if `extra` belonged to the view."""
        index = self._text_index
        if index is None:
            from aarlab.memory.text_index import TextIndex

            index = self._text_index = TextIndex()
            for post in self.iterate("oldest"):
                self._add_text(index, post)
        scores = index.best(query, limit, extra=[post.text for post in extra])
        posts = [(score, self._indexed[i] if i < len(index) else extra[i - len(index)]) for i, score in scores.items()]
        return [post for _, post in sorted(posts, key=lambda item: (-item[0], item[1].position))[:limit]]

    def containing(self, string: str, text_of: Callable[[Post], str], *, by_senior: bool | None) -> Iterator[Post]:
        """Yield the posts whose text contains a string, in the order of the board; the first ones come at once.

        Args:
            string: The string.
            text_of: Returns the text of a post.
            by_senior: Only posts of the senior, or of the others; None: all posts.
        """
        if self.count() < MIN_INDEXED:
            return (post for post in self.iterate("oldest", by_senior=by_senior) if string in text_of(post))
        index, indexed = self._substring_indexes.setdefault(by_senior, (SubstringIndex(), []))
        for post in sorted(chain(*self._later(indexed[-1:], by_senior)), key=_position):
            index.add(text_of(post))
            indexed.append(post)
        return (indexed[number] for number in index.texts_with(string))

    def _later(self, last: Sequence[Post], by_senior: bool | None) -> Iterator[list[Post]]:
        """Yield the posts after the last one of some, by type; all posts if there is none."""
        for (_, senior), posts in self._by_position.items():
            if by_senior in (None, senior):
                yield posts[bisect_right(posts, last[-1].position, key=_position) if last else 0 :]

    def _add_text(self, index: "TextIndex", post: Post) -> None:
        index.add(post.text)
        self._indexed.append(post)
