"""Tools of the idea board: results, refusals and their reasons."""

from typing import Any

import pytest
from tool_drivers import COSTS, VANILLA, ResearcherDriver, TeamDriver

from aarlab.memory.board import Board
from aarlab.memory.events import Borrowed, Decision, Edge, EdgeKind, Finding, Nomination
from aarlab.memory.lineage import original
from aarlab.tools.board_tools import HAND_OFF

# -- posting --------------------------------------------------------------------------------------------------------


def test_a_result_has_its_experiments_score_and_code(team: TeamDriver) -> None:
    r1 = team["r1"]
    experiment = r1.run(VANILLA, "full")
    finding = r1.post(type="result", experiment=experiment)
    (event,) = r1.events(Finding)
    assert event.id == finding == "r1.f1"
    assert event.fidelity == "full"
    assert event.pgr is not None
    assert team.file.text(event.code) == VANILLA


def test_a_result_needs_an_experiment(team: TeamDriver) -> None:
    output = team["r1"].refused("post_finding", type="result", title="Good", body="Trust me.", family="ensemble")
    assert "a result needs the id of the experiment that it reports" in output


def test_a_result_must_report_the_authors_own_experiment(team: TeamDriver) -> None:
    experiment = team["r1"].run(VANILLA)
    output = team["r2"].refused(
        "post_finding", type="result", title="Mine", body="Now.", family="ensemble", experiment=experiment
    )
    assert output == "you have no experiment 'r1.e1'; your experiments: none"


def test_an_unscored_experiment_can_only_be_posted_as_an_error(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.call_tool("write_file", path="method.py", text="def method(world): return 1 / 0")
    r1.try_tool("run_experiment", path="method.py", fidelity="smoke")
    report = {"title": "Fails", "body": "It divides by zero.", "family": "other", "experiment": "r1.e1"}
    assert "r1.e1 has no score to report" in r1.refused("post_finding", type="result", **report)
    assert r1.call_tool("post_finding", type="error", **report)["finding"] == "r1.f1"


def test_an_unknown_method_family_is_refused(team: TeamDriver) -> None:
    output = team["r1"].refused("post_finding", type="insight", title="So", body="So.", family="alchemy")
    assert "unknown family 'alchemy'; families: " in output
    assert "self-training" in output


def test_a_refused_post_does_not_consume_an_id(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.refused("post_finding", type="insight", title="So", body="So.", family="other", builds_on=["r9.f9"])
    assert r1.post(type="insight") == "r1.f1"
    assert r1.post(type="insight") == "r1.f2"


def test_share_decisions_record_agent_or_structure(team: TeamDriver) -> None:
    free, bound = team["r1"], team["r2"]
    bound.session.deciders = {"share": "structure"}
    for researcher in (free, bound):
        researcher.post(type="insight")
    assert free.events(Decision) == [Decision("share", "insight r1.f1", "agent")]
    assert bound.events(Decision) == [Decision("share", "insight r2.f1", "structure")]


def hand_off(researcher: ResearcherDriver, **arguments: Any) -> tuple[bool, dict[str, Any]]:
    return researcher.try_tool("hand_off", tools={"hand_off": HAND_OFF}, **arguments)


def test_a_method_is_handed_off_for_a_hypothesis(team: TeamDriver) -> None:
    hypothesis = team["r1"].post(type="hypothesis", title="It works")
    team.next_round()
    r2, r3 = team["r2"], team["r3"]
    r2.call_tool("write_file", path="method.py", text=VANILLA)
    assert hand_off(r2, finding=hypothesis, path="method.py")[0] is False
    assert r2.events(Edge) == [Edge("refines", "r2.f1", hypothesis, "")]
    team.next_round()
    path = r3.call_tool("borrow", finding="r2.f1")["path"]
    experiment = r3.call_tool("run_experiment", path=path, fidelity="full")["experiment"]
    r3.post(type="result", experiment=experiment, builds_on=["r2.f1"])
    assert [edge.relation for edge in r3.events(Edge)] == ["borrows"], "a handed-off method was not run before"


def test_only_a_file_for_a_hypothesis_can_be_handed_off(team: TeamDriver) -> None:
    r1 = team["r1"]
    hypothesis, insight = r1.post(type="hypothesis"), r1.post(type="insight")
    _, output = hand_off(r1, finding=hypothesis, path="method.py")
    assert output["error"] == "there is no file 'method.py' in your workspace; there are: none"
    r1.call_tool("write_file", path="method.py", text=VANILLA)
    _, output = hand_off(r1, finding=insight, path="method.py")
    assert output["error"] == "r1.f2 is not a hypothesis; name the hypothesis that the method tests"


# -- reading --------------------------------------------------------------------------------------------------------


def test_others_see_a_finding_after_publication(team: TeamDriver) -> None:
    finding = team["r1"].post(type="insight", title="Look")
    r2 = team["r2"]
    assert r2.call_tool("read_board")["findings"] == []
    assert "there is no finding 'r1.f1' on the board" in r2.refused("read_findings", findings=[finding])
    team.next_round()
    (listed,) = r2.call_tool("read_board")["findings"]
    assert (listed["finding"], listed["author"], listed["title"]) == ("r1.f1", "r1", "Look")
    (read,) = r2.call_tool("read_findings", findings=[finding])["findings"]
    assert read["body"] == "Words."


def test_read_board_orders_filters_and_limits(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.post(type="result", experiment=r1.run(VANILLA))
    for _ in range(2):
        r1.post(type="insight")

    def listed(**arguments: Any) -> list[str]:
        return [entry["finding"] for entry in r1.call_tool("read_board", **arguments)["findings"]]

    assert listed() == ["r1.f3", "r1.f2", "r1.f1"]
    assert listed(order="best")[0] == "r1.f1"
    assert listed(type="insight") == ["r1.f3", "r1.f2"]
    assert listed(limit=1) == ["r1.f3"]


def test_the_findings_of_the_senior_are_marked_and_listed_first(team: TeamDriver) -> None:
    team.board = Board(team.file, senior="r1")
    for name in ("r1", "r2", "r3"):
        team[name].post(type="insight", title="The same title")
    team.next_round()
    r4 = team["r4"]
    r4.session.round = 2
    for tool, arguments in (("read_board", {}), ("search_board", {"query": "title"})):
        listed = r4.call_tool(tool, **arguments)["findings"]
        assert listed[0]["author"] == "r1"
        assert [entry.get("author_rank") for entry in listed] == ["senior", None, None]
    assert r4.call_tool("grep_board", pattern="title")["matches"][0]["finding"] == "r1.f1"


def test_a_listing_omits_body_code_and_log(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.post(type="result", experiment=r1.run(VANILLA))
    (listed,) = r1.call_tool("read_board")["findings"]
    (read,) = r1.call_tool("read_findings", findings=["r1.f1"])["findings"]
    assert read.keys() - listed.keys() == {"body", "code", "log", "critiques", "builds_on"}
    assert read["code"] == VANILLA


def test_search_returns_visible_findings_only(team: TeamDriver) -> None:
    team["r1"].post(type="insight", title="Coherence")
    assert team["r2"].call_tool("search_board", query="coherence")["findings"] == []
    assert len(team["r1"].call_tool("search_board", query="coherence")["findings"]) == 1


# -- borrowing ------------------------------------------------------------------------------------------------------


@pytest.fixture
def published(team: TeamDriver) -> str:
    """A published result of r1 with a method."""
    team["r2"], team["r3"]
    finding: str = team["r1"].post(type="result", experiment=team["r1"].run(VANILLA))
    team.next_round()
    return finding


def test_borrow_copies_the_method_and_records_it(team: TeamDriver, published: str) -> None:
    r2 = team["r2"]
    output = r2.call_tool("borrow", finding=published)
    assert output["path"] == "borrowed/r1.f1.py"
    assert r2.call_tool("read_file", path=output["path"])["text"] == VANILLA
    assert r2.events(Borrowed) == [Borrowed("r1.f1", "borrowed/r1.f1.py")]
    assert Decision("parent", "r1.f1", "agent") in r2.events(Decision)


def test_a_researcher_cannot_borrow_its_own_finding(team: TeamDriver, published: str) -> None:
    assert "r1.f1 is your own" in team["r1"].refused("borrow", finding=published)


def test_a_finding_without_a_method_cannot_be_borrowed(team: TeamDriver) -> None:
    team["r1"].post(type="insight")
    team.next_round()
    assert "r1.f1 has no method to borrow: it reports no experiment" in team["r2"].refused("borrow", finding="r1.f1")


def test_an_unknown_finding_cannot_be_referenced(team: TeamDriver) -> None:
    r1 = team["r1"]
    for output in (
        r1.refused("borrow", finding="r9.f9"),
        r1.refused("critique", finding="r9.f9", text="Doubtful."),
        r1.refused("submit", finding="r9.f9"),
        r1.refused("post_finding", type="insight", title="So", body="So.", family="other", builds_on=["r9.f9"]),
    ):
        assert "there is no finding 'r9.f9' on the board, or you cannot see it" in output


@pytest.mark.parametrize(
    ("borrows", "changes", "relation"),
    [(True, True, "borrows"), (True, False, "replicates"), (False, False, "replicates"), (False, True, "refines")],
)
def test_the_edge_kind_follows_from_code_and_borrowing(
    team: TeamDriver, published: str, borrows: bool, changes: bool, relation: EdgeKind
) -> None:
    r2 = team["r2"]
    if borrows:
        r2.call_tool("borrow", finding=published)
    code = VANILLA.replace("tk.start(world)", "tk.harden(tk.start(world))") if changes else f"# same\n{VANILLA}"
    experiment = r2.run(code)
    r2.post(type="result", experiment=experiment, builds_on=[published])
    assert r2.events(Edge) == [Edge(relation, "r2.f1", "r1.f1", "")]


def test_a_result_with_a_visible_method_replicates_it(team: TeamDriver, published: str) -> None:
    r1, r2, r3 = (team[name] for name in ("r1", "r2", "r3"))
    for researcher in (r1, r2):
        researcher.post(type="result", experiment=researcher.run(f"# again\n{VANILLA}"))
    r2.post(type="insight", experiment="r2.e1")
    # The result of r2 is not visible to r3 yet, so the first one is replicated.
    r3.post(type="result", experiment=r3.run(VANILLA))
    assert r1.events(Edge) == []
    assert r2.events(Edge) == [Edge("replicates", "r2.f1", published, "")]
    assert r3.events(Edge) == [Edge("replicates", "r3.f1", published, "")]


RETYPED = """
# my own invention
from aarlab.scenarios.toolkit import finish as end, start as begin

def method(inputs):
    data = begin(inputs)
    return end(data)
"""
"""VANILLA with other names, imports and lines."""


def test_reposting_ones_own_method_replicates_no_copy(team: TeamDriver, published: str) -> None:
    r1, r2 = team["r1"], team["r2"]
    r2.post(type="result", experiment=r2.run(VANILLA))
    team.next_round()
    r1.post(type="result", experiment=r1.run(f"# again\n{VANILLA}"))
    assert r2.events(Edge) == [Edge("replicates", "r2.f1", published, "")]
    assert r1.events(Edge) == []


def test_a_retyped_method_is_credited_to_its_author(team: TeamDriver) -> None:
    r1, r2, r3 = (team[name] for name in ("r1", "r2", "r3"))
    r1.post(type="insight", experiment=r1.run(VANILLA))
    team.next_round()
    r2.post(type="result", experiment=r2.run(RETYPED), title="A bold new idea")
    team.next_round()
    r3.post(type="result", experiment=r3.run(RETYPED.replace("inputs", "x")))
    assert r2.events(Edge) == [Edge("replicates", "r2.f1", "r1.f1", "")]
    assert original(team.board, r3.events(Edge)[0].source) == "r1.f1"


def test_building_on_ones_own_finding_refines_it(team: TeamDriver) -> None:
    r1 = team["r1"]
    experiment = r1.run(VANILLA)
    r1.post(type="result", experiment=experiment)
    r1.post(type="result", experiment=experiment, builds_on=["r1.f1", "r1.f1"])
    assert r1.events(Edge) == [Edge("refines", "r1.f2", "r1.f1", "")]


# -- criticising ----------------------------------------------------------------------------------------------------


def test_others_read_a_critique_in_the_next_round(team: TeamDriver, published: str) -> None:
    def read_by(name: str) -> list[dict[str, str]]:
        (read,) = team[name].call_tool("read_findings", findings=[published])["findings"]
        critiques: list[dict[str, str]] = read["critiques"]
        return critiques

    team["r2"].call_tool("critique", finding=published, text="One world only.")
    assert read_by("r2") == [{"by": "r2", "text": "One world only."}]
    assert read_by("r1") == read_by("r3") == []
    team.next_round()
    assert read_by("r1") == read_by("r3") == [{"by": "r2", "text": "One world only."}]


# -- submitting -----------------------------------------------------------------------------------------------------


def test_a_researcher_can_submit_its_own_full_result(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.post(type="result", experiment=r1.run(VANILLA, "full"))
    r1.call_tool("submit", finding="r1.f1")
    assert r1.events(Nomination) == [Nomination("r1.f1")]
    assert team.board.nominations() == {"r1": "r1.f1"}


def test_only_ones_own_full_result_can_be_submitted(team: TeamDriver) -> None:
    r1, r2 = team["r1"], team["r2"]
    r1.post(type="result", experiment=r1.run(VANILLA, "full"))
    r2.post(type="result", experiment=r2.run(VANILLA, "pilot"))
    r2.post(type="insight")
    team.next_round()
    for finding in ("r1.f1", "r2.f1", "r2.f2"):
        output = r2.refused("submit", finding=finding)
        assert output.startswith(f"{finding} cannot be submitted: only your own result from a full experiment")
    assert team.board.nominations() == {}


# -- other ways to others' findings ---------------------------------------------------------------------------------


def test_grep_searches_visible_text_and_code_only(team: TeamDriver) -> None:
    r1, r2 = team["r1"], team["r2"]
    shown = r1.post(type="insight", body="First line.\nThe Teacher errs (a+)+ near the border.")
    team.next_round()
    r1.post(type="insight", body="The teacher is not published yet.")
    assert r2.call_tool("grep_board", pattern="teacher")["matches"] == [
        {"finding": shown, "line": "The Teacher errs (a+)+ near the border."}
    ]
    assert len(r2.call_tool("grep_board", pattern="(a+)+")["matches"]) == 1
    assert len(r1.call_tool("grep_board", pattern="teacher")["matches"]) == 2


def test_the_librarian_returns_visible_findings_only(team: TeamDriver) -> None:
    r1, r2 = team["r1"], team["r2"]
    shown = r1.post(type="insight")
    team.next_round()
    hidden = r1.post(type="insight")

    async def librarian(question: str) -> tuple[str, list[str]]:
        return f"You asked: {question}", [hidden, shown, "r9.f9"]

    r2.session.librarian = librarian
    output = r2.call_tool("ask_librarian", question="What helps?")
    assert output["answer"] == "You asked: What helps?"
    assert [finding["finding"] for finding in output["findings"]] == [shown]
    assert r2.session.hours == COSTS["ask"]
