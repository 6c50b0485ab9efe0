"""The tools of the idea board: what they do, and what they refuse and why."""

from typing import Any

import pytest
from lab_hands import COSTS, VANILLA, Lab

from aarlab.memory.events import Borrowed, Decision, Edge, EdgeKind, Finding, Nomination

# -- posting --------------------------------------------------------------------------------------------------------


def test_a_result_carries_the_score_and_the_code_of_its_experiment(lab: Lab) -> None:
    r1 = lab["r1"]
    experiment = r1.run(VANILLA, "full")
    finding = r1.post(type="result", experiment=experiment)
    (event,) = r1.events(Finding)
    assert event.id == finding == "r1.f1"
    assert event.fidelity == "full"
    assert event.pgr is not None
    assert lab.file.text(event.code) == VANILLA


def test_a_result_needs_an_experiment(lab: Lab) -> None:
    told = lab["r1"].refused("post_finding", type="result", title="Good", body="Trust me.", family="ensemble")
    assert "a result needs the id of the experiment it reports on" in told


def test_the_experiment_has_to_be_ones_own(lab: Lab) -> None:
    experiment = lab["r1"].run(VANILLA)
    told = lab["r2"].refused(
        "post_finding", type="result", title="Mine", body="Now.", family="ensemble", experiment=experiment
    )
    assert told == "you have no experiment 'r1.e1'"


def test_a_run_without_a_score_is_no_result_but_may_be_told_as_an_error(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.use("write_file", path="method.py", text="def method(world): return 1 / 0")
    r1.answer("run_experiment", path="method.py", fidelity="smoke")
    report = {"title": "Fails", "body": "It divides by zero.", "family": "other", "experiment": "r1.e1"}
    assert "r1.e1 has no score to report" in r1.refused("post_finding", type="result", **report)
    assert r1.use("post_finding", type="error", **report)["finding"] == "r1.f1"


def test_the_family_has_to_be_one_of_the_studys(lab: Lab) -> None:
    told = lab["r1"].refused("post_finding", type="insight", title="So", body="So.", family="alchemy")
    assert "no family is called 'alchemy'; there are: " in told
    assert "self-training" in told


def test_a_refused_post_uses_up_no_number(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.refused("post_finding", type="insight", title="So", body="So.", family="other", builds_on=["r9.f9"])
    assert r1.post(type="insight") == "r1.f1"
    assert r1.post(type="insight") == "r1.f2"


def test_sharing_is_a_decision_of_the_researcher_unless_the_structure_took_it(lab: Lab) -> None:
    free, bound = lab["r1"], lab["r2"]
    bound.bench.deciders["share"] = "structure"
    for researcher in (free, bound):
        researcher.post(type="insight")
    assert free.events(Decision) == [Decision("share", "insight r1.f1", "agent")]
    assert bound.events(Decision) == [Decision("share", "insight r2.f1", "structure")]


# -- reading --------------------------------------------------------------------------------------------------------


def test_others_see_a_finding_when_it_has_been_published(lab: Lab) -> None:
    finding = lab["r1"].post(type="insight", title="Look")
    r2 = lab["r2"]
    assert r2.use("read_board")["findings"] == []
    assert "there is no finding 'r1.f1' on the board as you see it" in r2.refused("read_findings", findings=[finding])
    lab.next_round()
    (listed,) = r2.use("read_board")["findings"]
    assert (listed["finding"], listed["author"], listed["title"]) == ("r1.f1", "r1", "Look")
    (read,) = r2.use("read_findings", findings=[finding])["findings"]
    assert read["body"] == "Words."


def test_the_board_is_listed_newest_first_or_best_first_by_type_and_to_a_limit(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.post(type="result", experiment=r1.run(VANILLA))
    for _ in range(2):
        r1.post(type="insight")

    def listed(**arguments: Any) -> list[str]:
        return [entry["finding"] for entry in r1.use("read_board", **arguments)["findings"]]

    assert listed() == ["r1.f3", "r1.f2", "r1.f1"]
    assert listed(order="best")[0] == "r1.f1"
    assert listed(type="insight") == ["r1.f3", "r1.f2"]
    assert listed(limit=1) == ["r1.f3"]


def test_a_listing_leaves_out_what_a_reader_has_to_ask_for(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.post(type="result", experiment=r1.run(VANILLA))
    (listed,) = r1.use("read_board")["findings"]
    (read,) = r1.use("read_findings", findings=["r1.f1"])["findings"]
    assert read.keys() - listed.keys() == {"body", "code", "log", "critiques", "builds_on"}
    assert read["code"] == VANILLA


def test_search_answers_with_what_may_be_seen(lab: Lab) -> None:
    lab["r1"].post(type="insight", title="Coherence")
    assert lab["r2"].use("search_board", query="coherence")["findings"] == []
    assert len(lab["r1"].use("search_board", query="coherence")["findings"]) == 1


# -- borrowing ------------------------------------------------------------------------------------------------------


@pytest.fixture
def published(lab: Lab) -> str:
    """A published result of r1's with a method."""
    lab["r2"], lab["r3"]
    finding: str = lab["r1"].post(type="result", experiment=lab["r1"].run(VANILLA))
    lab.next_round()
    return finding


def test_borrowing_puts_the_method_into_the_workspace_and_on_record(lab: Lab, published: str) -> None:
    r2 = lab["r2"]
    told = r2.use("borrow", finding=published)
    assert told["path"] == "borrowed/r1.f1.py"
    assert r2.use("read_file", path=told["path"])["text"] == VANILLA
    assert r2.events(Borrowed) == [Borrowed("r1.f1", "borrowed/r1.f1.py")]
    assert Decision("parent", "r1.f1", "agent") in r2.events(Decision)


def test_ones_own_finding_cannot_be_borrowed(lab: Lab, published: str) -> None:
    assert "r1.f1 is your own" in lab["r1"].refused("borrow", finding=published)


def test_a_finding_without_a_method_cannot_be_borrowed(lab: Lab) -> None:
    lab["r1"].post(type="insight")
    lab.next_round()
    assert "r1.f1 has no method to borrow: no experiment stands behind it" in lab["r2"].refused(
        "borrow", finding="r1.f1"
    )


def test_what_is_not_on_the_board_cannot_be_borrowed_criticised_or_built_on(lab: Lab) -> None:
    r1 = lab["r1"]
    for told in (
        r1.refused("borrow", finding="r9.f9"),
        r1.refused("critique", finding="r9.f9", text="Doubtful."),
        r1.refused("submit", finding="r9.f9"),
        r1.refused("post_finding", type="insight", title="So", body="So.", family="other", builds_on=["r9.f9"]),
    ):
        assert "there is no finding 'r9.f9' on the board as you see it" in told


@pytest.mark.parametrize(
    ("borrows", "changes", "relation"),
    [(True, True, "borrows"), (True, False, "replicates"), (False, False, "replicates"), (False, True, "refines")],
)
def test_how_a_finding_stands_to_its_parent_is_told_from_code_and_borrowing(
    lab: Lab, published: str, borrows: bool, changes: bool, relation: EdgeKind
) -> None:
    r2 = lab["r2"]
    if borrows:
        r2.use("borrow", finding=published)
    experiment = r2.run(VANILLA + "# changed\n" * changes)
    r2.post(type="result", experiment=experiment, builds_on=[published])
    assert r2.events(Edge) == [Edge(relation, "r2.f1", "r1.f1", "")]


def test_to_build_on_ones_own_finding_is_to_refine_it(lab: Lab) -> None:
    r1 = lab["r1"]
    experiment = r1.run(VANILLA)
    r1.post(type="result", experiment=experiment)
    r1.post(type="result", experiment=experiment, builds_on=["r1.f1", "r1.f1"])
    assert r1.events(Edge) == [Edge("refines", "r1.f2", "r1.f1", "")]


# -- criticising ----------------------------------------------------------------------------------------------------


def test_a_critique_is_read_by_its_author_at_once_and_by_others_in_the_next_round(lab: Lab, published: str) -> None:
    def read_by(name: str) -> list[dict[str, str]]:
        (read,) = lab[name].use("read_findings", findings=[published])["findings"]
        critiques: list[dict[str, str]] = read["critiques"]
        return critiques

    lab["r2"].use("critique", finding=published, text="One world only.")
    assert read_by("r2") == [{"by": "r2", "text": "One world only."}]
    assert read_by("r1") == read_by("r3") == []
    lab.next_round()
    assert read_by("r1") == read_by("r3") == [{"by": "r2", "text": "One world only."}]


# -- submitting -----------------------------------------------------------------------------------------------------


def test_a_full_result_of_ones_own_can_stand_for_the_final(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.post(type="result", experiment=r1.run(VANILLA, "full"))
    r1.use("submit", finding="r1.f1")
    assert r1.events(Nomination) == [Nomination("r1.f1")]
    assert lab.board.nominations() == {"r1": "r1.f1"}


def test_a_pilot_an_insight_and_anothers_result_cannot_stand_for_the_final(lab: Lab) -> None:
    r1, r2 = lab["r1"], lab["r2"]
    r1.post(type="result", experiment=r1.run(VANILLA, "full"))
    r2.post(type="result", experiment=r2.run(VANILLA, "pilot"))
    r2.post(type="insight")
    lab.next_round()
    for finding in ("r1.f1", "r2.f1", "r2.f2"):
        assert f"{finding} cannot be submitted: only a result of your own" in r2.refused("submit", finding=finding)
    assert lab.board.nominations() == {}


# -- other ways to others' findings ---------------------------------------------------------------------------------


def test_grep_finds_lines_of_words_and_methods_and_only_what_reaches_the_reader(lab: Lab) -> None:
    r1, r2 = lab["r1"], lab["r2"]
    shown = r1.post(type="insight", body="First line.\nThe Teacher errs (a+)+ near the border.")
    lab.next_round()
    r1.post(type="insight", body="The teacher is not published yet.")
    assert r2.use("grep_board", pattern="teacher")["matches"] == [
        {"finding": shown, "line": "The Teacher errs (a+)+ near the border."}
    ]
    assert len(r2.use("grep_board", pattern="(a+)+")["matches"]) == 1
    assert len(r1.use("grep_board", pattern="teacher")["matches"]) == 2


def test_the_librarian_is_asked_in_words_and_can_only_hand_out_what_reaches_the_asker(lab: Lab) -> None:
    r1, r2 = lab["r1"], lab["r2"]
    shown = r1.post(type="insight")
    lab.next_round()
    hidden = r1.post(type="insight")

    async def librarian(question: str) -> tuple[str, list[str]]:
        return f"You asked: {question}", [hidden, shown, "r9.f9"]

    r2.bench.librarian = librarian
    told = r2.use("ask_librarian", question="What helps?")
    assert told["answer"] == "You asked: What helps?"
    assert [finding["finding"] for finding in told["findings"]] == [shown]
    assert r2.bench.hours == COSTS["ask"]
