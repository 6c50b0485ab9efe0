"""The idea board: the findings of a run, as one researcher may see them. A view of the event log."""

import bisect
import re
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Set
from contextlib import closing
from dataclasses import dataclass, replace

from aarlab.memory.events import LAB, Edge, Finding, FindingType, LogEntry, Nomination, Published, RoundStarted
from aarlab.memory.run_reader import RunReader

_WORD = re.compile(r"[^\W_]+")


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


Neighbours = Mapping[str, Set[str]] | None
"""Authors of the published findings that each researcher sees, by researcher; None: all authors."""


class Board:
    """All findings of a run. Each query reads only the events that are new since the last one."""

    def __init__(self, file: RunReader, neighbours: Mapping[int, Neighbours] | None = None) -> None:
        """Read the board of a run file.

        Args:
            file: The run file.
            neighbours: Whose findings a researcher sees, by the first round in which that applies, from round 1. None:
                all see all published findings.
        """
        self._file = file
        self._neighbours = dict(sorted((neighbours or {1: None}).items()))
        self._round = 0
        self._last_id = 0
        self._posts: dict[str, Post] = {}
        self._order: list[tuple[int, tuple[int | str, ...], str]] = []
        """Round, natural sort key and id of every post, sorted. It does not depend on the order of arrival."""
        self._edges: list[LogEntry[Edge]] = []
        self._edges_by_finding: dict[str, list[LogEntry[Edge]]] = defaultdict(list)
        self._nominations: dict[str, str] = {}

    def _read_new_events(self) -> None:
        for entry in self._file.entries(Finding, Published, Edge, Nomination, RoundStarted, after=self._last_id):
            self._last_id = entry.id
            match entry.event:
                case Finding() as finding:
                    self._posts[finding.id] = Post(finding, entry.round, entry.hours, published=False)
                    bisect.insort(self._order, (entry.round, _natural_sort_key(finding.id), finding.id))
                case Published(finding=key):
                    self._posts[key] = replace(self._posts[key], published=True)
                case Edge() as edge:
                    edge_entry = LogEntry(
                        entry.id, entry.stream, entry.ordinal, entry.round, entry.hours, edge, entry.at
                    )
                    self._edges.append(edge_entry)
                    for end in {edge.source, edge.target}:
                        self._edges_by_finding[end].append(edge_entry)
                case Nomination(finding=key):
                    self._nominations[entry.stream] = key
                case RoundStarted():
                    self._round = entry.round

    def posts(self, *, visible_to: str | None = None, type: FindingType | None = None) -> list[Post]:
        """Return posts ordered by round, author and number.

        Args:
            visible_to: Only posts that this researcher sees: its own, and published ones of its neighbours and of the
                lab. None: all.
            type: Only posts of this type; None: all types.
        """
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
        return post.published and (author == LAB or self._reaches(post, reader))

    def _reaches(self, post: Post, reader: str) -> bool:
        """Return whether the author was a neighbour in any round since the post; what has reached a reader stays."""
        now, firsts = max(self._round, post.round + 1), [*self._neighbours, float("inf")]
        return any(
            neighbours is None or post.finding.author in neighbours[reader]
            for (first, neighbours), following in zip(self._neighbours.items(), firsts[1:], strict=True)
            if (first == firsts[0] or first <= now) and following > post.round + 1
        )

    def post(self, finding: str, *, visible_to: str | None = None) -> Post | None:
        """Return the post with this id; None if there is none or `visible_to` does not see it."""
        self._read_new_events()
        post = self._posts.get(finding)
        return post if post is not None and self._is_visible_to(post, visible_to) else None

    def search(self, query: str, *, visible_to: str, limit: int = 10) -> list[Post]:
        """Return the posts that have any word of `query`, best first (BM25 of SQLite's FTS5)."""
        # `Table.search(quote=True)` of sqlite-utils would find only posts that have all the words.
        words = " OR ".join(f'"{word}"' for word in dict.fromkeys(_WORD.findall(query.lower())))
        posts = self.posts(visible_to=visible_to)
        # The index has visible posts only. Ranks depend on the rarity of words and would reveal hidden posts.
        with closing(sqlite3.connect(":memory:")) as index:
            index.execute("CREATE VIRTUAL TABLE posts USING fts5 (title, body, family)")
            texts = [(post.finding.title, post.finding.body, post.finding.family) for post in posts]
            index.executemany("INSERT INTO posts VALUES (?, ?, ?)", texts)
            rows = index.execute(
                "SELECT rowid FROM posts WHERE posts MATCH ? ORDER BY rank, rowid LIMIT ?", (words or '""', limit)
            )
            return [posts[row - 1] for (row,) in rows]

    def edges(self, *, of: str | None = None) -> list[LogEntry[Edge]]:
        """Return the edges by round and agent. With `of`, only those that start or end at this finding."""
        self._read_new_events()
        edges = self._edges if of is None else self._edges_by_finding.get(of, [])
        return sorted(
            edges,
            key=lambda entry: (
                entry.round,
                _natural_sort_key(entry.stream),
                _natural_sort_key(entry.event.target),
                entry.event.relation,
            ),
        )

    def nominations(self) -> dict[str, str]:
        """Return the id of the finding that each researcher last nominated, by researcher."""
        self._read_new_events()
        return dict(sorted(self._nominations.items(), key=lambda item: _natural_sort_key(item[0])))

    def leaderboard(self, *, visible_to: str | None = None) -> list[Post]:
        """Return the results of full experiments, best development score first."""
        posts = [post for post in self.posts(visible_to=visible_to, type="result") if post.finding.fidelity == "full"]
        return sorted(posts, key=lambda post: -(post.finding.pgr if post.finding.pgr is not None else float("-inf")))


def _natural_sort_key(name: str) -> tuple[int | str, ...]:
    """Return a sort key that orders r2 before r10."""
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name))
