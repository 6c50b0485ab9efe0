"""The idea board: the findings of a run, as one researcher may see them. A view of the event log."""

import heapq
import re
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from dataclasses import replace
from functools import cache
from itertools import chain, islice, takewhile
from typing import get_args
from weakref import WeakMethod

from aarlab.memory.board_view import BoardView, PostOrder, leaderboard_order, order_key
from aarlab.memory.board_view import Post as Post
from aarlab.memory.events import (
    LAB,
    Edge,
    EdgeKind,
    Experiment,
    Finding,
    FindingType,
    Flagged,
    FlagOutcome,
    LogEntry,
    Nomination,
    Published,
    ResearcherReplaced,
    RoundStarted,
    TaskAssigned,
)
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter

_KINDS = (Finding, Experiment, Published, Edge, Nomination, TaskAssigned, RoundStarted, ResearcherReplaced, Flagged)
AUTHOR_RANK, SENIOR = "author_rank", "senior"
"""Key and value of the mark of the senior's findings in listings."""

Neighbours = Mapping[str, Set[str]] | None
"""Authors of the published findings that each researcher sees, by researcher; None: all authors."""
_EVERYONE = ""
"""Stands for all authors."""


class Board:
    """All findings of a run, in memory. Each query takes in the events that are new since the last one.

    The first query reads the file. While the run is written, the file hands over its new events; else they are read.

    Readers that see the same published findings share one view of them. So the time of a query hardly depends on the
    number of findings, and a thousand readers cost no more than one.
    """

    def __init__(
        self, file: RunReader, neighbours: Mapping[int, Neighbours] | None = None, senior: str | None = None
    ) -> None:
        """Read the board of a run file.

        Args:
            file: The run file.
            neighbours: Whose findings a researcher sees, by the first round in which that applies, from round 1. A new
                researcher has the neighbours of the one whose place it took. None: all see all published findings.
            senior: The researcher whose findings are marked; None: none.
        """
        self._file, self._senior = file, senior
        self._neighbours = dict(sorted((neighbours or {1: None}).items()))
        self._round = 0
        self._last_id = 0
        self._arrived: list[LogEntry] | None = None
        """Events of a file that is being written, since the last query; None: they are read from the file."""
        self._posts: dict[str, Post] = {}
        self._arrival: list[str] = []
        self._by_author: dict[str, list[str]] = defaultdict(list)
        self._all = BoardView()
        self._unpublished: dict[str, BoardView] = defaultdict(BoardView)
        """By author."""
        self._published: dict[str, list[Post]] = defaultdict(list)
        """By place of the author."""
        self._views: dict[tuple[object, ...], BoardView] = {}
        """By what determines which published findings a reader sees."""
        self._view_of: dict[str, BoardView] = {}
        """By reader."""
        self._views_with: dict[str, list[tuple[BoardView, str]]] = defaultdict(list)
        """Views that may have the findings of a place, each with one of its readers."""
        self._indexes: dict[str, tuple[list[str], dict[str, list[str]]]] = {}
        """By name of the index: the ids in it, and those by value."""
        self._folded_texts: dict[str, str] = {}
        """Lines of each finding that was looked at by `lines_with`."""
        self._experiments: dict[str, Experiment] = {}
        self._edges: list[LogEntry[Edge]] = []
        self._edges_from: dict[str, list[LogEntry[Edge]]] = defaultdict(list)
        """By source, in the order of `edge_order`."""
        self._edges_to: dict[tuple[str, EdgeKind], list[LogEntry[Edge]]] = defaultdict(list)
        """By target and relation, in the order of `edge_order`: a good finding has hundreds, and few critiques."""
        self._nominations: dict[str, str] = {}
        self._assigned: dict[str, set[str]] = defaultdict(set)
        """Findings that the tasks of each researcher name."""
        self._places: dict[str, str] = {}
        """Place of each researcher that took the place of another one."""
        self._first_rounds: dict[str, int] = {}
        """First round of each of these researchers."""

    # -- events -----------------------------------------------------------------------------------------------------

    def _read_new_events(self) -> None:
        for entry in self._new_events():
            match entry.event:
                case Finding() as finding:
                    position = (entry.round, _natural_sort_key(finding.id), finding.id)
                    by_senior = finding.author == self._senior
                    post = Post(finding, entry.round, entry.hours, False, position, by_senior)
                    self._posts[finding.id] = post
                    self._arrival.append(finding.id)
                    self._by_author[finding.author].append(finding.id)
                    self._all.add(post)
                    self._unpublished[finding.author].add(post)
                case Experiment() as experiment:
                    self._experiments[experiment.id] = experiment
                case Published(finding=key):
                    self._publish(key)
                case Flagged(outcome="withheld" | "disqualified" as outcome, findings=keys):
                    for key in keys:
                        self._hold_back(key, outcome)
                case Edge() as edge:
                    edge_entry = LogEntry(
                        entry.id, entry.stream, entry.ordinal, entry.round, entry.hours, edge, entry.at
                    )
                    self._edges.append(edge_entry)
                    insort(self._edges_from[edge.source], edge_entry, key=edge_order)
                    if edge.source != edge.target:
                        insort(self._edges_to[edge.target, edge.relation], edge_entry, key=edge_order)
                case Nomination(finding=key):
                    self._nominations[entry.stream] = key
                case TaskAssigned(findings=keys):
                    self._assigned[entry.stream] |= set(keys)
                case RoundStarted():
                    if any(self._round < first <= entry.round for first in self._neighbours):
                        # Earlier findings reach new neighbours.
                        for views in (self._views, self._view_of, self._views_with):
                            views.clear()
                    self._round = entry.round
                case ResearcherReplaced(place=place):
                    self._places[entry.stream], self._first_rounds[entry.stream] = place, entry.round

    def _new_events(self) -> list[LogEntry]:
        if self._arrived:
            entries, self._arrived = self._arrived, []
            return entries
        if self._arrived is not None:
            return []
        entries = list(self._file.entries(*_KINDS, after=self._last_id))
        self._last_id = entries[-1].id if entries else self._last_id
        if isinstance(self._file, RunWriter):
            self._arrived = []
            receive = WeakMethod(self._receive)  # the file outlives the team, and a large board needs much memory

            def listener(entry: LogEntry) -> None:
                if (method := receive()) is not None:
                    method(entry)

            self._file.on_event(listener)
        return entries

    def _receive(self, entry: LogEntry) -> None:
        if self._arrived is not None and isinstance(entry.event, _KINDS):
            self._arrived.append(entry)

    def _publish(self, key: str) -> None:
        post = self._posts[key]
        if post.published:
            return
        self._all.remove(post)
        self._unpublished[post.finding.author].remove(post)
        post = self._posts[key] = replace(post, published=True)
        self._all.add(post)
        place = self._place(post.finding.author)
        self._published[place].append(post)
        for view, reader in dict(chain(self._views_with[place], self._views_with[_EVERYONE])).items():
            if self._reaches(post, reader):
                view.add(post)

    def _hold_back(self, key: str, outcome: FlagOutcome) -> None:
        """Make a finding private to its author, also if it was published."""
        post = self._posts[key]
        if post.held_back in (outcome, "disqualified"):
            return
        author = post.finding.author
        self._all.remove(post)
        if post.published:
            self._published[self._place(author)].remove(post)
            for views in (self._views, self._view_of, self._views_with):
                views.clear()
        else:
            self._unpublished[author].remove(post)
        post = self._posts[key] = replace(post, published=False, held_back=outcome)
        self._all.add(post)
        self._unpublished[author].add(post)

    # -- visibility -------------------------------------------------------------------------------------------------

    def shared_view(self, reader: str) -> BoardView:
        """Return the published findings that a researcher sees; others see the same, and get the same object.

        It is replaced when a new topology applies.
        """
        self._read_new_events()
        if reader not in self._view_of:
            self._view_of[reader] = self._views.get(self._view_key(reader)) or self._new_view(reader)
        return self._view_of[reader]

    def _neighbourhoods(self, reader: str) -> list[Set[str] | None]:
        """Return the places that a researcher sees under each topology, with its own; None: all places."""
        place = self._place(reader)
        return [None if n is None else frozenset((*n[place], place)) for n in self._neighbours.values()]

    def _view_key(self, reader: str) -> tuple[object, ...]:
        places = self._neighbourhoods(reader)
        # Under one topology, when a researcher joined the team makes no difference.
        return (self._first_rounds.get(reader, 0) if len(places) > 1 else 0, *places)

    def _new_view(self, reader: str) -> BoardView:
        view, places = BoardView(), {LAB}
        for seen in self._neighbourhoods(reader):
            places |= self._published.keys() | {_EVERYONE} if seen is None else seen
        for place in sorted(places):
            self._views_with[place].append((view, reader))
            for post in self._published.get(place, ()):
                if self._reaches(post, reader):
                    view.add(post)
        self._views[self._view_key(reader)] = view
        return view

    def _place(self, name: str) -> str:
        return self._places.get(name, name)

    def _sources(self, reader: str | None) -> list[BoardView]:
        """Return views that together have the posts that a reader sees, each once; None: all posts."""
        self._read_new_events()
        if reader is None:
            return [self._all]
        sources = [self.shared_view(reader)]
        if reader in self._unpublished:
            sources.append(self._unpublished[reader])
        if reader in self._assigned:
            posts = (self._posts.get(key) for key in self._assigned[reader])
            assigned = BoardView()
            for post in posts:
                if post and post.finding.author != reader and not (post.published and self._reaches(post, reader)):
                    assigned.add(post)
            sources.append(assigned)
        return sources

    def is_visible(self, post: Post, reader: str | None) -> bool:
        """Return whether a reader sees a post: its own, published ones that reach it, those that its tasks name."""
        if reader is None or post.finding.author == reader:
            return True
        if post.finding.id in self._assigned.get(reader, ()):
            return True
        return post.published and self._reaches(post, reader)

    def _reaches(self, post: Post, reader: str) -> bool:
        """Return whether the author was a neighbour in any round since the post; what has reached a reader stays.

        Findings of the lab, and of those who had the reader's place before it, reach it, too.
        """
        if post.finding.author == LAB:
            return True
        author, place = self._place(post.finding.author), self._place(reader)
        return any(
            neighbours is None or author == place or author in neighbours[place]
            for neighbours in self._topologies_since(post, self._first_rounds.get(reader, 0))
        )

    def _topologies_since(self, post: Post, joined: int) -> Iterator[Neighbours]:
        """Yield the neighbours in the rounds since a post for a reader that joined the team in a round."""
        now, firsts = max(self._round, post.round + 1), [*self._neighbours, float("inf")]
        since = max(post.round + 1, joined)
        for (first, neighbours), following in zip(self._neighbours.items(), firsts[1:], strict=True):
            if (first == firsts[0] or first <= now) and following > since:
                yield neighbours

    # -- queries ----------------------------------------------------------------------------------------------------

    def posts(self, *, visible_to: str | None = None, type: FindingType | None = None) -> list[Post]:
        """Return posts ordered by round, author and number.

        Args:
            visible_to: Only posts that this researcher sees: its own, published ones of its neighbours and of the lab,
                and those that its tasks name. None: all.
            type: Only posts of this type; None: all types.
        """
        return list(self._iterate(visible_to, "oldest", type))

    def _iterate(
        self, reader: str | None, order: PostOrder, type: FindingType | None, by_senior: bool | None = None
    ) -> Iterator[Post]:
        parts = [view.iterate(order, type=type, by_senior=by_senior) for view in self._sources(reader)]
        return heapq.merge(*parts, key=order_key(order), reverse=order != "oldest")

    def senior_first(self, *, visible_to: str, order: PostOrder, type: FindingType | None = None) -> Iterator[Post]:
        """Yield the posts of a listing: first those of the senior, if there is one. The first ones come at once."""
        for by_senior in (None,) if self._senior is None else (True, False):
            yield from self._iterate(visible_to, order, type, by_senior)

    def count(self, *, visible_to: str, type: FindingType | None = None) -> int:
        """Return the number of posts that a researcher sees, of one type or of all."""
        return sum(view.count(type) for view in self._sources(visible_to))

    def of_round(self, round: int, *, visible_to: str | None = None) -> list[Post]:
        """Return the posts of a round in the order of the board."""
        parts = [view.of_round(round) for view in self._sources(visible_to)]
        return list(heapq.merge(*parts, key=order_key("oldest")))

    def published_by(self, author: str, round: int) -> list[str]:
        """Return the ids of the published findings of an author's last round, if that is this round."""
        self._read_new_events()
        latest = takewhile(
            lambda post: post.round == round, (self._posts[f] for f in reversed(self._by_author[author]))
        )
        return [post.finding.id for post in latest if post.published][::-1]

    def unpublished(self) -> list[Post]:
        """Return the posts that are not published, in the order of the board."""
        self._read_new_events()
        parts = [view.iterate("oldest") for view in self._unpublished.values() if view.count()]
        return list(heapq.merge(*parts, key=order_key("oldest")))

    def posts_reaching(self, group: Collection[str]) -> list[Post]:
        """Return the posts of a group of researchers, and those that reach any of them, whether published or not."""
        posts, members = self.posts(), {*group, LAB}
        places_by_joining: dict[int, list[str]] = defaultdict(list)
        for name in group:
            places_by_joining[self._first_rounds.get(name, 0)].append(self._place(name))

        @cache
        def authors(neighbours_number: int, joined: int) -> Set[str]:
            neighbours, places = topologies[neighbours_number], places_by_joining[joined]
            return {*places, *chain(*(neighbours[place] for place in places))}

        topologies: dict[int, Mapping[str, Set[str]]] = {id(n): n for n in self._neighbours.values() if n is not None}
        return [
            post
            for post in posts
            if post.finding.author in members
            or any(
                neighbours is None or self._place(post.finding.author) in authors(id(neighbours), joined)
                for joined in places_by_joining
                for neighbours in self._topologies_since(post, joined)
            )
        ]

    def post(self, finding: str, *, visible_to: str | None = None) -> Post | None:
        """Return the post with this id; None if there is none or `visible_to` does not see it."""
        self._read_new_events()
        post = self._posts.get(finding)
        return post if post is not None and self.is_visible(post, visible_to) else None

    def posts_with(
        self, value: str, *, index: str, key: Callable[[Finding], str | None], visible_to: str
    ) -> Iterator[Post]:
        """Yield the posts that a researcher sees and for which `key` returns a value, in the order of the board.

        `key` is called once for each finding; `index` is its name.
        """
        self._read_new_events()
        indexed, by_value = self._indexes.setdefault(index, ([], {}))
        for finding in self._arrival[len(indexed) :]:
            indexed.append(finding)
            if (found := key(self._posts[finding].finding)) is not None:
                insort(by_value.setdefault(found, []), finding, key=lambda name: self._posts[name].position)
        assigned = self._assigned.get(visible_to, ())
        for post in (self._posts[finding] for finding in by_value.get(value, ())):
            # Most posts of the current round are not published, and this is the fastest way to skip them.
            unseen = not post.published and post.finding.author != visible_to and post.finding.id not in assigned
            if not unseen and self.is_visible(post, visible_to):
                yield post

    def search(self, query: str, *, visible_to: str, limit: int = 10) -> list[Post]:
        """Return the posts that have any word of `query`, best first (BM25)."""
        # The index has visible posts only. Ranks depend on the rarity of words and would reveal hidden posts.
        shared, *others = self._sources(visible_to)
        return shared.search(query, list(chain(*(view.iterate("oldest") for view in others))), limit)

    def lines_with(self, pattern: str, *, visible_to: str) -> Iterator[tuple[Post, int]]:
        """Yield each line of title, body and method that contains a text in any case; the senior's posts first.

        A line is the post and a number, from which `line` returns the text.
        """
        folded_pattern = pattern.casefold()
        shared, *others = self._sources(visible_to)
        for by_senior in (None,) if self._senior is None else (True, False):
            found = [shared.containing(folded_pattern, self._folded_text, by_senior=by_senior)]
            for view in others:
                posts = view.iterate("oldest", by_senior=by_senior)
                found.append(post for post in posts if folded_pattern in self._folded_text(post))
            for post in heapq.merge(*found, key=order_key("oldest")):
                lines = self._folded_text(post).split("\n")
                if line_breaks := post.finding.title.count("\n"):
                    lines[: line_breaks + 1] = ["\n".join(lines[: line_breaks + 1])]
                for number, line in enumerate(lines):
                    if folded_pattern in line:
                        yield post, number

    def line(self, post: Post, number: int) -> str:
        """Return a line of a post: the title is line 0, then come the body and the method."""
        return self._lines(post)[number]

    def _folded_text(self, post: Post) -> str:
        if (folded := self._folded_texts.get(post.finding.id)) is None:
            folded = self._folded_texts[post.finding.id] = "\n".join(self._lines(post)).casefold()
        return folded

    def _lines(self, post: Post) -> list[str]:
        code = self._file.text(post.finding.code) if post.finding.code is not None else ""
        return [post.finding.title, *post.finding.body.splitlines(), *code.splitlines()]

    def experiment(self, name: str) -> Experiment | None:
        """Return an experiment by its id; None if there is none."""
        self._read_new_events()
        return self._experiments.get(name)

    def edges(self, *, of: str | None = None) -> list[LogEntry[Edge]]:
        """Return the edges by round and agent. With `of`, only those that start or end at this finding."""
        self._read_new_events()
        if of is None:
            return sorted(self._edges, key=edge_order)
        parts = [self._edges_from.get(of, []), *(self._edges_to.get((of, kind), []) for kind in get_args(EdgeKind))]
        return list(heapq.merge(*parts, key=edge_order))

    def edges_from(self, finding: str) -> list[LogEntry[Edge]]:
        """Return the edges that start at a finding, by round and agent."""
        self._read_new_events()
        return self._edges_from.get(finding, [])

    def critiques(self, finding: str) -> list[LogEntry[Edge]]:
        """Return the critiques of a finding by round and agent."""
        self._read_new_events()
        return self._edges_to.get((finding, "critiques"), [])

    def nominations(self) -> dict[str, str]:
        """Return the id of the finding that each researcher last nominated, by researcher."""
        self._read_new_events()
        return dict(sorted(self._nominations.items(), key=lambda item: _natural_sort_key(item[0])))

    def leaderboard(self, *, visible_to: str | None = None, limit: int | None = None) -> list[Post]:
        """Return the results of full experiments, best development score first; the first `limit`, None for all."""
        parts = [view.leaderboard for view in self._sources(visible_to)]
        return list(islice(heapq.merge(*parts, key=leaderboard_order), limit))

    def best_of_families(self, *, visible_to: str) -> dict[str, Post]:
        """Return the first post of the leaderboard of each method family, without those that have no score."""
        best: dict[str, Post] = {}
        for post in chain(*(view.best_of_families.values() for view in self._sources(visible_to))):
            best[post.finding.family] = min(best.get(post.finding.family, post), post, key=leaderboard_order)
        return best


def edge_order(entry: LogEntry[Edge]) -> tuple[object, ...]:
    """Return the sort key of edges: round, agent, target, relation."""
    edge = entry.event
    return entry.round, _natural_sort_key(entry.stream), _natural_sort_key(edge.target), edge.relation


def _natural_sort_key(name: str) -> tuple[int | str, ...]:
    """Return a sort key that orders r2 before r10."""
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name))
