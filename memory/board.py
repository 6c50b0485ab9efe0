"""The idea board: what has been found so far, as one researcher may see it. A view of the event log."""

import bisect
import re
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Set
from contextlib import closing
from dataclasses import dataclass

from aarlab.memory.events import Edge, Finding, FindingType, Nomination, Published
from aarlab.memory.run_reader import RunReader

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
class BoardEdge:
    """An edge of the board, with who drew it and when."""

    edge: Edge
    by: str
    round: int


class Board:
    """All findings of a run. Reads only what is new in the log, so that asking often is cheap."""

    def __init__(self, file: RunReader, neighbours: Mapping[str, Set[str]] | None = None) -> None:
        """Make a view of the board in `file`; `neighbours` says whose findings reach whom, None that everybody's do."""
        self._file = file
        self._hears = neighbours
        self._seen = 0
        self._posts: dict[str, Post] = {}
        self._order: list[tuple[int, tuple[int | str, ...], str]] = []
        """Round, natural order and id of every post, sorted: arrival depends on who was faster, this does not."""
        self._edges: list[BoardEdge] = []
        self._edges_by_finding: dict[str, list[BoardEdge]] = defaultdict(list)
        self._nominations: dict[str, str] = {}

    def _read_new_events(self) -> None:
        for entry in self._file.entries(Finding, Published, Edge, Nomination, after=self._seen):
            self._seen = entry.id
            match entry.event:
                case Finding() as finding:
                    self._posts[finding.id] = Post(finding, entry.round, entry.hours, published=False)
                    bisect.insort(self._order, (entry.round, _natural_sort_key(finding.id), finding.id))
                case Published(finding=key):
                    post = self._posts[key]
                    self._posts[key] = Post(post.finding, post.round, post.hours, published=True)
                case Edge() as edge:
                    board_edge = BoardEdge(edge, entry.stream, entry.round)
                    self._edges.append(board_edge)
                    for end in {edge.source, edge.target}:
                        self._edges_by_finding[end].append(board_edge)
                case Nomination(finding=key):
                    self._nominations[entry.stream] = key

    def posts(self, *, visible_to: str | None = None, type: FindingType | None = None) -> list[Post]:
        """Return posts ordered by round, author and number; for `visible_to`, only what has reached it and its own."""
        self._read_new_events()
        posts = (self._posts[key] for *_, key in self._order)
        return [
            post
            for post in posts
            if self._is_visible_to(post, visible_to) and (type is None or post.finding.type == type)
        ]

    def _is_visible_to(self, post: Post, reader: str | None) -> bool:
        author = post.finding.author
        if reader is None or author == reader:
            return True
        return post.published and (self._hears is None or author in self._hears[reader])

    def post(self, finding: str, *, visible_to: str | None = None) -> Post | None:
        """Return one post, None if there is none or `visible_to` may not see it."""
        self._read_new_events()
        post = self._posts.get(finding)
        return post if post is not None and self._is_visible_to(post, visible_to) else None

    def search(self, query: str, *, visible_to: str, limit: int = 10) -> list[Post]:
        """Return the posts that have some of the words of `query`, best first (BM25, by SQLite's FTS5)."""
        words = " OR ".join(f'"{word}"' for word in dict.fromkeys(_WORD.findall(query.lower())))
        posts = self.posts(visible_to=visible_to)
        # An index of what this reader sees and nothing else: how rare a word is must not tell of hidden findings.
        with closing(sqlite3.connect(":memory:")) as index:
            index.execute("CREATE VIRTUAL TABLE posts USING fts5 (title, body, family)")
            texts = [(post.finding.title, post.finding.body, post.finding.family) for post in posts]
            index.executemany("INSERT INTO posts VALUES (?, ?, ?)", texts)
            found = index.execute(
                "SELECT rowid FROM posts WHERE posts MATCH ? ORDER BY rank, rowid LIMIT ?", (words or '""', limit)
            )
            return [posts[row - 1] for (row,) in found]

    def edges(self, *, of: str | None = None) -> list[BoardEdge]:
        """Return the edges, or those that start or end at the finding `of`, by round and by who drew them."""
        self._read_new_events()
        edges = self._edges if of is None else self._edges_by_finding.get(of, [])
        return sorted(
            edges,
            key=lambda board_edge: (
                board_edge.round,
                _natural_sort_key(board_edge.by),
                _natural_sort_key(board_edge.edge.target),
                board_edge.edge.relation,
            ),
        )

    def nominations(self) -> dict[str, str]:
        """Return the finding each researcher last nominated, by researcher."""
        self._read_new_events()
        return dict(sorted(self._nominations.items(), key=lambda item: _natural_sort_key(item[0])))

    def leaderboard(self, *, visible_to: str | None = None) -> list[Post]:
        """Return the results that were run in full, best development score first."""
        posts = [post for post in self.posts(visible_to=visible_to, type="result") if post.finding.fidelity == "full"]
        return sorted(posts, key=lambda post: -(post.finding.pgr if post.finding.pgr is not None else float("-inf")))


def _natural_sort_key(name: str) -> tuple[int | str, ...]:
    """Sort key by which r2 comes before r10."""
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name))
