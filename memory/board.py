"""The idea board: what has been found so far, as one researcher may see it. A view of the event log."""

import re
from collections import Counter
from dataclasses import dataclass

from aarlab.memory.events import Edge, Finding, FindingType, Nomination, Published
from aarlab.memory.runfile import RunFile

_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Post:
    """A finding on the board, with where it stands."""

    finding: Finding
    round: int
    """The round it was posted in."""
    hours: float
    """Its author's research hours when it was posted."""
    published: bool
    """Whether the other researchers can see it."""


@dataclass(frozen=True, slots=True)
class Link:
    """An edge of the board, with who drew it and when."""

    edge: Edge
    by: str
    round: int


class Board:
    """All findings of a run. Reads only what is new in the log, so that asking often is cheap."""

    def __init__(self, file: RunFile) -> None:
        """Make a view of the board in `file`."""
        self._file = file
        self._seen = 0
        self._posts: dict[str, Post] = {}
        self._links: list[Link] = []
        self._nominations: dict[str, str] = {}

    def _catch_up(self) -> None:
        for entry in self._file.entries(Finding, Published, Edge, Nomination, after=self._seen):
            self._seen = entry.id
            match entry.event:
                case Finding() as finding:
                    self._posts[finding.id] = Post(finding, entry.round, entry.hours, published=False)
                case Published(finding=key):
                    post = self._posts[key]
                    self._posts[key] = Post(post.finding, post.round, post.hours, published=True)
                case Edge() as edge:
                    self._links.append(Link(edge, entry.stream, entry.round))
                case Nomination(finding=key):
                    self._nominations[entry.stream] = key

    def posts(self, *, seen_by: str | None = None, type: FindingType | None = None) -> list[Post]:
        """Return posts ordered by round, author and number; for `seen_by`, only published ones and its own."""
        self._catch_up()
        posts = [
            post
            for post in self._posts.values()
            if (seen_by is None or post.published or post.finding.author == seen_by)
            and (type is None or post.finding.type == type)
        ]
        # Arrival order depends on which researcher was faster; this order does not.
        return sorted(posts, key=lambda post: (post.round, _natural(post.finding.id)))

    def post(self, finding: str, *, seen_by: str | None = None) -> Post | None:
        """Return one post, None if there is none or `seen_by` may not see it."""
        self._catch_up()
        post = self._posts.get(finding)
        if post is None or not (seen_by is None or post.published or post.finding.author == seen_by):
            return None
        return post

    def search(self, query: str, *, seen_by: str, limit: int = 10) -> list[Post]:
        """Return the posts that share most words with `query`, best first; rare words count more."""
        posts = self.posts(seen_by=seen_by)
        bags = [Counter(_WORD.findall(f"{p.finding.title} {p.finding.body} {p.finding.family}".lower())) for p in posts]
        rarity = Counter(word for bag in bags for word in bag)
        wanted = set(_WORD.findall(query.lower()))
        scores = [sum(1 / rarity[word] for word in sorted(wanted) if word in bag) for bag in bags]
        ranked = sorted((pair for pair in zip(scores, posts, strict=True) if pair[0] > 0), key=lambda pair: -pair[0])
        return [post for _, post in ranked[:limit]]

    def links(self, *, of: str | None = None) -> list[Link]:
        """Return the edges, or those that start or end at the finding `of`, by round and by who drew them."""
        self._catch_up()
        links = [link for link in self._links if of is None or of in (link.edge.source, link.edge.target)]
        return sorted(
            links, key=lambda link: (link.round, _natural(link.by), _natural(link.edge.target), link.edge.relation)
        )

    def nominations(self) -> dict[str, str]:
        """Return the finding each researcher last nominated, by researcher."""
        self._catch_up()
        return dict(sorted(self._nominations.items(), key=lambda item: _natural(item[0])))

    def leaderboard(self, *, seen_by: str | None = None) -> list[Post]:
        """Return the results that were run in full, best development score first."""
        posts = [post for post in self.posts(seen_by=seen_by, type="result") if post.finding.fidelity == "full"]
        return sorted(posts, key=lambda post: -(post.finding.pgr if post.finding.pgr is not None else float("-inf")))


def _natural(name: str) -> tuple[int | str, ...]:
    """Sort key by which r2 comes before r10."""
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name))
