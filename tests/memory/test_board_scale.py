"""The views and indexes of the board give the answers of a scan over all posts."""

import math
import random
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aarlab.memory.board import Board
from aarlab.memory.board_view import MIN_INDEXED, Post, leaderboard_order
from aarlab.memory.events import (
    LAB,
    TEAM,
    Finding,
    FindingType,
    Published,
    ResearcherReplaced,
    RoundStarted,
    TaskAssigned,
)
from aarlab.memory.run_writer import RunWriter
from aarlab.memory.substring_index import SubstringIndex
from aarlab.memory.text_index import TextIndex

NAMES = [f"r{i}" for i in range(1, 7)]
TYPES: tuple[FindingType, ...] = ("result", "insight", "hypothesis")
WORDS = ("labels", "soft", "teacher", "probe", "r2", "Über", "one-hot", "the", "the", "the")


def test_views_equal_a_scan_of_all_posts(file: RunWriter) -> None:
    draw = random.Random(1)
    ring = {name: {NAMES[i - 1]} for i, name in enumerate(NAMES)}
    apart = {name: set[str]() for name in NAMES}
    board = Board(file, {1: ring, 3: apart, 5: None}, senior="r2")
    members, numbers = dict(zip(NAMES, NAMES, strict=True)), dict.fromkeys([*NAMES, "r7", LAB], 0)
    for round in range(7):
        file.append(TEAM, RoundStarted(1.0), round=round, hours=1.0)
        if round == 4:
            file.append("r7", ResearcherReplaced("r3", "r3"), round=4, hours=1.0)
            members["r3"] = "r7"
        posted = []
        for author in draw.choices([*members.values(), LAB], k=12):
            numbers[author] += 1
            posted.append(f"{author}.f{numbers[author]}")
            pgr = draw.choice([None, 0.1, 0.2, 0.3])
            finding = Finding(
                posted[-1], author, draw.choice(TYPES), "A probe", "", draw.choice("ab"), None, draw.choice("xy"),
                "full", pgr, None,
            )  # fmt: skip
            file.append(author, finding, round=round, hours=1.0)
            _compare(board, list(members.values()))
        file.append("r1", TaskAssigned(1, "", [posted[0]], 0.1), round=round, hours=1.0)
        for finding_id in posted[draw.randrange(3) :]:
            file.append(TEAM, Published(finding_id), round=round, hours=1.0)
        _compare(board, list(members.values()))


def _compare(board: Board, readers: list[str]) -> None:
    everything = board.posts()
    assert [post.position for post in everything] == sorted(post.position for post in everything)
    for reader in readers:
        seen = [post for post in everything if board.is_visible(post, reader)]
        assert board.posts(visible_to=reader) == seen
        newest = [post for post in reversed(seen) if post.finding.type == "result"]
        listing = list(board.senior_first(visible_to=reader, order="newest", type="result"))
        assert listing == sorted(newest, key=lambda post: not post.by_senior)
        assert board.count(visible_to=reader, type="result") == len(newest)
        ranked = sorted((post for post in seen if post.is_full_result), key=leaderboard_order)
        assert board.leaderboard(visible_to=reader) == ranked
        best: dict[str, Post] = {}
        for post in (post for post in ranked if post.finding.pgr is not None):
            best.setdefault(post.finding.family, post)
        assert board.best_of_families(visible_to=reader) == best
        assert board.of_round(2, visible_to=reader) == [post for post in seen if post.round == 2]
        same = board.posts_with("x", index="code", key=lambda f: f.code, visible_to=reader)
        assert list(same) == [post for post in seen if post.finding.code == "x"]
    assert board.unpublished() == [post for post in everything if not post.published]


def test_researchers_with_the_same_neighbours_share_a_view(file: RunWriter) -> None:
    pairs = {"r1": {"r2"}, "r2": {"r1"}, "r3": {"r4"}, "r4": {"r3"}}
    board = Board(file, {1: pairs})
    views = [board.shared_view(name) for name in pairs]
    assert views[0] is views[1]
    assert views[1] is not views[2]


def test_text_index_ranks_like_sqlite() -> None:
    draw, index = random.Random(2), TextIndex()
    texts = [" ".join(draw.choices(WORDS, k=draw.randrange(1, 9))) for _ in range(60)]
    shared, extra = texts[:-3], texts[-3:]
    for text in shared:
        index.add(text)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE posts USING fts5 (text)")
        connection.executemany("INSERT INTO posts VALUES (?)", [(text,) for text in texts])
        for query in ("labels", "uber probe", "the hot soft", "nothing"):
            words = " OR ".join(f'"{word}"' for word in query.split())
            rows = connection.execute("SELECT rowid - 1 FROM posts WHERE posts MATCH ? ORDER BY rank, rowid", (words,))
            found = index.best(query, len(texts), extra=extra)
            assert sorted(found, key=lambda number: (-round(found[number], 9), number)) == [n for (n,) in rows]
            limited = index.best(query, 2, extra=extra)
            assert limited.items() <= found.items()
            assert len([number for number in limited if number < len(shared)]) == min(2, len(found))


def test_scores_of_common_and_rare_words_are_those_of_the_formula() -> None:
    texts = [f"labels {'of ' * (i % 4)}{'teacher' if i % 5 else f'word{i % 600}'}" for i in range(6000)]
    index = TextIndex()
    for text in texts:
        index.add(text)
    extra = ["teacher of labels", "word1 word1"]
    for query in ("labels of a teacher", "word5 teacher", "word1"):
        found = index.best(query, len(texts), extra=extra)
        assert found == {number: score for number, score in _bm25([*texts, *extra], query).items() if score > 0}


def _bm25(texts: list[str], query: str) -> dict[int, float]:
    """Return the score of each text by the formula, word by word."""
    counts = [text.split() for text in texts]
    mean_length, scores = sum(map(len, counts)) / len(texts), dict.fromkeys(range(len(texts)), 0.0)
    for word in query.split():
        having = {number: words.count(word) for number, words in enumerate(counts) if word in words}
        rarity = max(math.log((len(texts) - len(having) + 0.5) / (len(having) + 0.5)), 1e-6)
        for number, frequency in having.items():
            norm = 1.2 * (1 - 0.75 + 0.75 * len(counts[number]) / mean_length)
            scores[number] += rarity * (frequency * 2.2 / (frequency + norm))
    return scores


@settings(max_examples=50)
@given(st.lists(st.text("ab1 .\n", max_size=12)), st.text("ab1 .\n", min_size=1, max_size=4))
def test_substring_index_finds_what_a_scan_finds(texts: list[str], string: str) -> None:
    index = SubstringIndex()
    for number, text in enumerate(texts):
        index.add(text)
        expected = [earlier for earlier in range(number + 1) if string in texts[earlier]]
        assert list(index.texts_with(string)) == expected


@pytest.mark.parametrize("senior", [None, "r2"])
def test_lines_with_a_text_equal_a_scan_of_all_lines(file: RunWriter, senior: str | None) -> None:
    draw, board = random.Random(3), Board(file, senior=senior)
    codes = [file.store_text(f"def method(world):\n    return {i}  # {' '.join(WORDS[i:])}") for i in range(len(WORDS))]
    with file.atomic():
        for number in range(MIN_INDEXED + 100):
            author, round = draw.choice(NAMES), number // 100
            title, body = (draw.choice(" \n").join(draw.choices(WORDS, k=5)) for _ in range(2))
            code = draw.choice([None, *codes])
            finding = Finding(f"{author}.f{number}", author, "insight", title, body, "a", None, code, None, None, None)
            file.append(author, finding, round=round, hours=1.0)
            if number % 10:
                file.append(TEAM, Published(finding.id), round=round, hours=1.0)
            if number in (300, 325):
                _compare_lines(file, board, "the R2")
    for pattern in ("ÜBER", "the the", "e", "labels soft", "world):", ")", " 3", "soft\nthe", "nothing"):
        _compare_lines(file, board, pattern)


def _compare_lines(file: RunWriter, board: Board, pattern: str) -> None:
    expected = []
    for post in sorted(board.posts(visible_to="r1"), key=lambda post: not post.by_senior):
        code = "" if post.finding.code is None else file.text(post.finding.code)
        lines = [post.finding.title, *post.finding.body.splitlines(), *code.splitlines()]
        expected += [(post, line) for line in lines if pattern.casefold() in line.casefold()]
    assert [(post, board.line(post, number)) for post, number in board.lines_with(pattern, visible_to="r1")] == expected
