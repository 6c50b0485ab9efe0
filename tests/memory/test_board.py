"""The idea board: visibility, order, search, edges, leaderboard."""

import itertools

import pytest

from aarlab.memory.board import Board
from aarlab.memory.events import (
    TEAM,
    Edge,
    EdgeKind,
    Fidelity,
    Finding,
    FindingType,
    Flagged,
    FlagOutcome,
    Nomination,
    Published,
)
from aarlab.memory.run_writer import RunWriter


class Team:
    """Researchers that post on the board of a run file."""

    def __init__(self, file: RunWriter) -> None:
        self.file = file
        self.board = Board(file)

    def post(
        self, finding: str, *, round: int = 1, title: str = "An idea", body: str = "", type: FindingType = "hypothesis",
        fidelity: Fidelity | None = None, pgr: float | None = None,
    ) -> str:  # fmt: skip
        """Post a finding by the author in its id: `r1.f1` is the first of r1."""
        author = finding.split(".")[0]
        event = Finding(finding, author, type, title, body, "other", None, None, fidelity, pgr, None)
        self.file.append(author, event, round=round, hours=0.5)
        return finding

    def publish(self, *findings: str) -> None:
        for finding in findings:
            self.file.append(TEAM, Published(finding), round=1, hours=4.0)

    def link(self, relation: EdgeKind, source: str, target: str, *, by: str, round: int = 1) -> None:
        self.file.append(by, Edge(relation, source, target, ""), round=round, hours=0.5)

    def visible_to(self, agent: str | None) -> list[str]:
        return [post.finding.id for post in self.board.posts(visible_to=agent)]


@pytest.fixture
def team(file: RunWriter) -> Team:
    return Team(file)


def test_unpublished_finding_is_visible_to_its_author_only(team: Team) -> None:
    team.post("r1.f1")
    assert team.visible_to("r1") == ["r1.f1"]
    assert team.visible_to("r2") == []
    assert team.board.post("r1.f1", visible_to="r2") is None
    team.publish("r1.f1")
    assert team.visible_to("r2") == ["r1.f1"]
    post = team.board.post("r1.f1", visible_to="r2")
    assert post is not None
    assert post.published


def test_reader_without_agent_sees_all_findings(team: Team) -> None:
    team.post("r1.f1")
    assert team.visible_to(None) == ["r1.f1"]
    assert team.board.post("r1.f1") is not None


def test_unknown_finding_has_no_post(team: Team) -> None:
    assert team.board.post("r1.f1") is None


def test_posts_are_ordered_by_round_author_and_number(team: Team) -> None:
    expected = [("r1.f1", 1), ("r2.f2", 1), ("r2.f10", 1), ("r10.f1", 1), ("r1.f2", 2)]
    for finding, round in reversed(expected):
        team.post(finding, round=round)
    assert team.visible_to(None) == [finding for finding, _ in expected]


def test_posts_can_be_filtered_by_type(team: Team) -> None:
    team.post("r1.f1", type="hypothesis")
    team.post("r1.f2", type="insight")
    assert [post.finding.id for post in team.board.posts(type="insight")] == ["r1.f2"]


def test_new_board_shows_the_same_posts(team: Team) -> None:
    for number in range(1, 4):
        team.post(f"r1.f{number}")
        team.visible_to(None)
    team.publish("r1.f2")
    team.link("critiques", "r2", "r1.f2", by="r2")
    later = Board(team.file)
    assert later.posts() == team.board.posts()
    assert later.edges() == team.board.edges()


# -- search ---------------------------------------------------------------------------------------------------------


def test_search_ranks_rare_words_higher(team: Team) -> None:
    team.post("r1.f1", title="Filter labels")
    team.post("r1.f2", title="Smooth labels")
    team.post("r1.f3", title="Coherence of clusters")
    posts = team.board.search("coherence labels", visible_to="r1")
    assert [post.finding.id for post in posts] == ["r1.f3", "r1.f1", "r1.f2"]


def test_search_covers_title_body_family_and_ignores_case(team: Team) -> None:
    team.post("r1.f1", title="A PROBE", body="Consistent pairs.")
    for query in ("probe", "Pairs, please!", "OTHER"):
        assert [post.finding.id for post in team.board.search(query, visible_to="r1")] == ["r1.f1"]


def test_search_returns_nothing_without_visible_match(team: Team) -> None:
    team.post("r1.f1", title="A probe")
    assert team.board.search("clusters", visible_to="r1") == []
    assert team.board.search("...", visible_to="r1") == []
    assert team.board.search("probe", visible_to="r2") == []


def test_search_respects_limit(team: Team) -> None:
    for number in range(1, 6):
        team.post(f"r1.f{number}", title="A probe")
    assert [post.finding.id for post in team.board.search("probe", visible_to="r1", limit=2)] == ["r1.f1", "r1.f2"]


# -- edges ----------------------------------------------------------------------------------------------------------


def test_edges_are_found_from_both_ends(team: Team) -> None:
    for finding in ("r1.f1", "r2.f1", "r3.f1"):
        team.post(finding)
    team.link("borrows", "r2.f1", "r1.f1", by="r2")
    team.link("critiques", "r3", "r2.f1", by="r3")
    assert [link.stream for link in team.board.edges(of="r2.f1")] == ["r2", "r3"]
    assert [link.stream for link in team.board.edges(of="r1.f1")] == ["r2"]
    assert team.board.edges(of="r3.f1") == []


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(3))))
def test_edges_are_ordered_by_round_and_agent(team: Team, arrival: tuple[int, ...]) -> None:
    expected = [("r2", 1), ("r10", 1), ("r2", 2)]
    for index in arrival:
        agent, round = expected[index]
        team.link("critiques", agent, "r1.f1", by=agent, round=round)
    assert [(link.stream, link.round) for link in team.board.edges()] == expected


# -- leaderboard ----------------------------------------------------------------------------------------------------


def test_leaderboard_lists_full_results_best_first(team: Team) -> None:
    team.post("r1.f1", type="result", fidelity="full", pgr=0.2)
    team.post("r1.f2", type="result", fidelity="pilot", pgr=0.9)
    team.post("r2.f1", type="result", fidelity="full", pgr=0.4)
    team.post("r2.f2", type="error", fidelity="full")
    team.post("r2.f3", type="insight", fidelity="full", pgr=0.8)
    assert [post.finding.id for post in team.board.leaderboard()] == ["r2.f1", "r1.f1"]
    assert [post.finding.id for post in team.board.leaderboard(visible_to="r1")] == ["r1.f1"]


@pytest.mark.parametrize(("outcome", "scored"), [("withheld", ["r1.f1", "r2.f1"]), ("disqualified", ["r2.f1"])])
def test_a_flag_takes_a_published_finding_back(team: Team, outcome: FlagOutcome, scored: list[str]) -> None:
    team.post("r1.f1", type="result", fidelity="full", pgr=0.9)
    team.post("r2.f1", type="result", fidelity="full", pgr=0.4)
    team.publish("r1.f1", "r2.f1")
    assert team.visible_to("r3") == ["r1.f1", "r2.f1"]
    flag = Flagged("provenance", "r1", "r1.f1", 1.0, "it has no experiment", outcome, ["r1.f1"], [])
    for _ in range(2):  # two monitors
        team.file.append(TEAM, flag, round=1, hours=4.0)
    assert team.visible_to("r3") == ["r2.f1"]
    assert team.visible_to("r1") == ["r1.f1", "r2.f1"]
    assert [post.finding.id for post in team.board.leaderboard()] == scored
    assert "r1.f1" not in {post.finding.id for post in team.board.leaderboard(visible_to="r3")}


def test_leaderboard_breaks_ties_by_post_order(team: Team) -> None:
    for finding, round in (("r2.f1", 2), ("r3.f1", 1), ("r10.f1", 1)):
        team.post(finding, round=round, type="result", fidelity="full", pgr=0.3)
    assert [post.finding.id for post in team.board.leaderboard()] == ["r3.f1", "r10.f1", "r2.f1"]


def test_last_nomination_of_a_researcher_counts(team: Team) -> None:
    for stream, finding in (("r10", "r10.f1"), ("r2", "r2.f1"), ("r2", "r2.f2")):
        team.file.append(stream, Nomination(finding), round=1, hours=0.5)
    assert list(team.board.nominations().items()) == [("r2", "r2.f2"), ("r10", "r10.f1")]
