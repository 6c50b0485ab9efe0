"""The idea board: what has been found so far, as one researcher may see it. A view of the event log."""

import bisect
import re
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Set
from contextlib import closing
from dataclasses import dataclass

from aarlab.memory.events import Edge, Finding, FindingType, Nomination, Published
from aarlab.memory.runfile import RunFile

_WORD = re.compile(r"[^\W_]+")


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

    def __init__(self, file: RunFile, hears: Mapping[str, Set[str]] | None = None) -> None:
        """Make a view of the board in `file`; `hears` says whose findings reach whom, None that everybody's do."""
        self._file = file
        self._hears = hears
        self._seen = 0
        self._posts: dict[str, Post] = {}
        self._order: list[tuple[int, tuple[int | str, ...], str]] = []
        """Round, natural order and id of every post, sorted: arrival depends on who was faster, this does not."""
        self._links: list[Link] = []
        self._links_of: dict[str, list[Link]] = defaultdict(list)
        self._nominations: dict[str, str] = {}

    def _catch_up(self) -> None:
        for entry in self._file.entries(Finding, Published, Edge, Nomination, after=self._seen):
            self._seen = entry.id
            match entry.event:
                case Finding() as finding:
                    self._posts[finding.id] = Post(finding, entry.round, entry.hours, published=False)
                    bisect.insort(self._order, (entry.round, _natural(finding.id), finding.id))
                case Published(finding=key):
                    post = self._posts[key]
                    self._posts[key] = Post(post.finding, post.round, post.hours, published=True)
                case Edge() as edge:
                    link = Link(edge, entry.stream, entry.round)
                    self._links.append(link)
                    for end in {edge.source, edge.target}:
                        self._links_of[end].append(link)
                case Nomination(finding=key):
                    self._nominations[entry.stream] = key

    def posts(self, *, seen_by: str | None = None, type: FindingType | None = None) -> list[Post]:
        """Return posts ordered by round, author and number; for `seen_by`, only what has reached it and its own."""
        self._catch_up()
        posts = (self._posts[key] for *_, key in self._order)
        return [post for post in posts if self._reaches(post, seen_by) and (type is None or post.finding.type == type)]

    def _reaches(self, post: Post, reader: str | None) -> bool:
        author = post.finding.author
        if reader is None or author == reader:
            return True
        return post.published and (self._hears is None or author in self._hears[reader])

    def post(self, finding: str, *, seen_by: str | None = None) -> Post | None:
        """Return one post, None if there is none or `seen_by` may not see it."""
        self._catch_up()
        post = self._posts.get(finding)
        return post if post is not None and self._reaches(post, seen_by) else None

    def search(self, query: str, *, seen_by: str, limit: int = 10) -> list[Post]:
        """Return the posts that have some of the words of `query`, best first (BM25, by SQLite's FTS5)."""
        words = " OR ".join(f'"{word}"' for word in dict.fromkeys(_WORD.findall(query.lower())))
        posts = self.posts(seen_by=seen_by)
        # An index of what this reader sees and nothing else: how rare a word is must not tell of hidden findings.
        with closing(sqlite3.connect(":memory:")) as index:
            index.execute("CREATE VIRTUAL TABLE posts USING fts5 (title, body, family)")
            texts = [(post.finding.title, post.finding.body, post.finding.family) for post in posts]
            index.executemany("INSERT INTO posts VALUES (?, ?, ?)", texts)
            found = index.execute(
                "SELECT rowid FROM posts WHERE posts MATCH ? ORDER BY rank, rowid LIMIT ?", (words or '""', limit)
            )
            return [posts[row - 1] for (row,) in found]

    def links(self, *, of: str | None = None) -> list[Link]:
        """Return the edges, or those that start or end at the finding `of`, by round and by who drew them."""
        self._catch_up()
        links = self._links if of is None else self._links_of.get(of, [])
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
