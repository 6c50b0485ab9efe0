"""The idea board: who sees what and when, and in which order."""

import itertools

import pytest

from aarlab.memory.board import Board
from aarlab.memory.events import TEAM, Edge, EdgeKind, Fidelity, Finding, FindingType, Nomination, Published
from aarlab.memory.runfile import RunFile


class Team:
    """Researchers who post on a board that is kept in a run file."""

    def __init__(self, file: RunFile) -> None:
        self.file = file
        self.board = Board(file)

    def post(
        self, finding: str, *, round: int = 1, title: str = "An idea", body: str = "", type: FindingType = "hypothesis",
        fidelity: Fidelity | None = None, pgr: float | None = None,
    ) -> str:  # fmt: skip
        """Post a finding in its author's name: `r1.f1` is r1's first."""
        author = finding.split(".")[0]
        event = Finding(finding, author, type, title, body, "other", None, None, fidelity, pgr, None)
        self.file.append(author, event, round=round, hours=0.5)
        return finding

    def publish(self, *findings: str) -> None:
        for finding in findings:
            self.file.append(TEAM, Published(finding), round=1, hours=4.0)

    def link(self, relation: EdgeKind, source: str, target: str, *, by: str, round: int = 1) -> None:
        self.file.append(by, Edge(relation, source, target, ""), round=round, hours=0.5)

    def seen_by(self, agent: str | None) -> list[str]:
        return [post.finding.id for post in self.board.posts(seen_by=agent)]


@pytest.fixture
def team(file: RunFile) -> Team:
    return Team(file)


def test_a_researcher_sees_its_own_finding_at_once_and_the_others_see_it_when_it_is_published(team: Team) -> None:
    team.post("r1.f1")
    assert team.seen_by("r1") == ["r1.f1"]
    assert team.seen_by("r2") == []
    assert team.board.post("r1.f1", seen_by="r2") is None
    team.publish("r1.f1")
    assert team.seen_by("r2") == ["r1.f1"]
    post = team.board.post("r1.f1", seen_by="r2")
    assert post is not None
    assert post.published


def test_whoever_reads_for_the_team_sees_everything(team: Team) -> None:
    team.post("r1.f1")
    assert team.seen_by(None) == ["r1.f1"]
    assert team.board.post("r1.f1") is not None


def test_there_is_no_post_where_there_is_no_finding(team: Team) -> None:
    assert team.board.post("r1.f1") is None


def test_posts_stand_in_the_order_of_rounds_authors_and_numbers_whoever_was_faster(team: Team) -> None:
    standing = [("r1.f1", 1), ("r2.f2", 1), ("r2.f10", 1), ("r10.f1", 1), ("r1.f2", 2)]
    for finding, round in reversed(standing):
        team.post(finding, round=round)
    assert team.seen_by(None) == [finding for finding, _ in standing]


def test_posts_can_be_asked_for_by_type(team: Team) -> None:
    team.post("r1.f1", type="hypothesis")
    team.post("r1.f2", type="insight")
    assert [post.finding.id for post in team.board.posts(type="insight")] == ["r1.f2"]


def test_a_board_made_later_shows_the_same(team: Team) -> None:
    for number in range(1, 4):
        team.post(f"r1.f{number}")
        team.seen_by(None)
    team.publish("r1.f2")
    team.link("critiques", "r2", "r1.f2", by="r2")
    later = Board(team.file)
    assert later.posts() == team.board.posts()
    assert later.links() == team.board.links()


# -- search ---------------------------------------------------------------------------------------------------------


def test_a_rare_word_counts_for_more_than_common_ones(team: Team) -> None:
    team.post("r1.f1", title="Filter labels")
    team.post("r1.f2", title="Smooth labels")
    team.post("r1.f3", title="Coherence of clusters")
    found = team.board.search("coherence labels", seen_by="r1")
    assert [post.finding.id for post in found] == ["r1.f3", "r1.f1", "r1.f2"]


def test_search_reads_title_body_and_family_without_regard_to_case(team: Team) -> None:
    team.post("r1.f1", title="A PROBE", body="Consistent pairs.")
    for query in ("probe", "Pairs, please!", "OTHER"):
        assert [post.finding.id for post in team.board.search(query, seen_by="r1")] == ["r1.f1"]


def test_search_finds_nothing_where_no_word_is_shared_or_nothing_may_be_seen(team: Team) -> None:
    team.post("r1.f1", title="A probe")
    assert team.board.search("clusters", seen_by="r1") == []
    assert team.board.search("...", seen_by="r1") == []
    assert team.board.search("probe", seen_by="r2") == []


def test_search_gives_no_more_than_it_is_asked_for(team: Team) -> None:
    for number in range(1, 6):
        team.post(f"r1.f{number}", title="A probe")
    assert [post.finding.id for post in team.board.search("probe", seen_by="r1", limit=2)] == ["r1.f1", "r1.f2"]


# -- edges ----------------------------------------------------------------------------------------------------------


def test_edges_are_found_from_both_their_ends(team: Team) -> None:
    for finding in ("r1.f1", "r2.f1", "r3.f1"):
        team.post(finding)
    team.link("borrows", "r2.f1", "r1.f1", by="r2")
    team.link("critiques", "r3", "r2.f1", by="r3")
    assert [link.by for link in team.board.links(of="r2.f1")] == ["r2", "r3"]
    assert [link.by for link in team.board.links(of="r1.f1")] == ["r2"]
    assert team.board.links(of="r3.f1") == []


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(3))))
def test_edges_stand_in_the_order_of_rounds_and_agents_whoever_was_faster(team: Team, arrival: tuple[int, ...]) -> None:
    standing = [("r2", 1), ("r10", 1), ("r2", 2)]
    for place in arrival:
        agent, round = standing[place]
        team.link("critiques", agent, "r1.f1", by=agent, round=round)
    assert [(link.by, link.round) for link in team.board.links()] == standing


# -- leaderboard ----------------------------------------------------------------------------------------------------


def test_the_leaderboard_holds_results_of_full_runs_best_first(team: Team) -> None:
    team.post("r1.f1", type="result", fidelity="full", pgr=0.2)
    team.post("r1.f2", type="result", fidelity="pilot", pgr=0.9)
    team.post("r2.f1", type="result", fidelity="full", pgr=0.4)
    team.post("r2.f2", type="error", fidelity="full")
    team.post("r2.f3", type="insight", fidelity="full", pgr=0.8)
    assert [post.finding.id for post in team.board.leaderboard()] == ["r2.f1", "r1.f1"]
    assert [post.finding.id for post in team.board.leaderboard(seen_by="r1")] == ["r1.f1"]


def test_of_equal_scores_the_earlier_stands_first(team: Team) -> None:
    for finding, round in (("r2.f1", 2), ("r3.f1", 1), ("r10.f1", 1)):
        team.post(finding, round=round, type="result", fidelity="full", pgr=0.3)
    assert [post.finding.id for post in team.board.leaderboard()] == ["r3.f1", "r10.f1", "r2.f1"]


def test_a_researchers_last_nomination_stands(team: Team) -> None:
    for stream, finding in (("r10", "r10.f1"), ("r2", "r2.f1"), ("r2", "r2.f2")):
        team.file.append(stream, Nomination(finding), round=1, hours=0.5)
    assert list(team.board.nominations().items()) == [("r2", "r2.f2"), ("r10", "r10.f1")]
