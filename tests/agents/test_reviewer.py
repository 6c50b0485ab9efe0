"""The reviewer: parsing of its replies, and the decisions of the simulated reviewer."""

from typing import Any

import pytest
from stub_environment import LOG, ask

from aarlab.agents.models.base import Reply
from aarlab.agents.models.registry import open_model
from aarlab.agents.models.simulated.simulated_reviewer import SimulatedReviewer
from aarlab.agents.reviewer import (
    RunDecision,
    finding_review_request,
    parse_critique,
    parse_run_decision,
    run_review_request,
)
from aarlab.memory.messages import Message, Text, ToolCall, Usage


def reply(text: str = "", *calls: tuple[str, str]) -> Reply:
    """Return a reply with a text and calls of the reviewer's tools, each with a comment."""
    blocks = [ToolCall(f"t{i}", name, {"comment": comment}) for i, (name, comment) in enumerate(calls)]
    return Reply(Message("assistant", (Text(text), *blocks)), "end_turn", Usage(), "some-model", None)


def test_only_an_approval_approves() -> None:
    assert parse_run_decision(reply("", ("approve", "sound"))) == RunDecision(True, "sound")
    assert parse_run_decision(reply("", ("reject", "pilot first"))) == RunDecision(False, "pilot first")


@pytest.mark.parametrize(
    ("unclear", "comment"),
    [
        (reply("I approve of this, go ahead!"), "I approve of this, go ahead!"),
        (reply(""), "the reviewer neither approved nor rejected"),
        (reply("Well.", ("comment", "approve")), "Well."),
        (reply("Well.", ("Approve", "sound")), "Well."),
    ],
    ids=["text only", "empty", "another tool", "a similar tool name"],
)
def test_a_reply_without_a_decision_rejects(unclear: Reply, comment: str) -> None:
    assert parse_run_decision(unclear) == RunDecision(False, comment)


def test_an_approval_needs_no_comment() -> None:
    bare = Reply(Message("assistant", (ToolCall("t1", "approve", {}),)), "tool_use", Usage(), "some-model", None)
    assert parse_run_decision(bare) == RunDecision(True, "")


def test_the_first_of_two_decisions_counts() -> None:
    assert not parse_run_decision(reply("", ("reject", "no"), ("approve", "yes"))).approved


def test_an_empty_comment_is_no_critique() -> None:
    assert parse_critique(reply("", ("comment", "one world only"))) == "one world only"
    assert parse_critique(reply("Nothing to add.")) is None
    assert parse_critique(reply("", ("comment", ""))) is None


def test_run_reviews_offer_approve_and_reject_and_others_comment() -> None:
    assert [tool.name for tool in run_review_request("r1", {}, full_hours=2.0).tools] == ["approve", "reject"]
    assert [tool.name for tool in finding_review_request("r1", {}).tools] == ["comment"]


# -- the simulated reviewer -----------------------------------------------------------------------------------------


def trial(**changes: Any) -> dict[str, Any]:
    return {"fidelity": "pilot", "pgr": 0.2, "error": None, "log": LOG, **changes}


PERFECT, BLIND = (
    SimulatedReviewer(1, "reviewer", name="simulated/reviewer", precision=precision, recall=recall)
    for precision, recall in ((1.0, 1.0), (1.0, 0.0))
)


def review(*tried: dict[str, Any], same: tuple[str, ...] = (), model: SimulatedReviewer = PERFECT) -> RunDecision:
    case = {"method": "...", "tried": list(tried), "best_so_far": [], "same_method_posted": list(same)}
    return parse_run_decision(ask(model, run_review_request("r1", case, full_hours=2.0)))


def test_a_run_with_a_pilot_and_a_sound_log_is_approved() -> None:
    assert review(trial()).approved


@pytest.mark.parametrize(
    ("tried", "reason"),
    [
        ([], "run a pilot first"),
        ([trial(fidelity="full")], "run a pilot first"),
        ([trial(error="out of ideas")], "the last cheap experiment failed: out of ideas"),
        ([trial(), trial(error="broken since")], "broken since"),
        ([trial(log=[{"operator": "harden", "warnings": ["labels collapsed"]}])], "warns at harden: labels collapsed"),
        ([trial(log=[{"operator": "harden", "agreement": 0.5}])], "agree with the teacher"),
        ([trial(log=[{"operator": "harden", "balance": 0.95}])], "nearly all labels are of one class"),
    ],
)
def test_a_rejection_names_the_reason(tried: list[dict[str, Any]], reason: str) -> None:
    reviewed = review(*tried)
    assert not reviewed.approved
    assert reason in reviewed.comment


def test_a_method_that_was_run_before_is_rejected() -> None:
    assert review(trial(), same=("r2.f1",)) == RunDecision(False, "this method has been run in full: r2.f1")


def comment(model: SimulatedReviewer = PERFECT, **case: Any) -> str | None:
    return parse_critique(ask(model, finding_review_request("r1", {"log": None, **case})))


def test_a_finding_gets_a_comment_only_if_it_has_a_problem() -> None:
    assert comment(se=0.01, log=LOG) is None
    assert comment() is None
    assert "standard error is 0.10" in str(comment(se=0.1))
    assert "one class" in str(comment(log=[{"operator": "harden", "balance": 0.05}]))


def test_a_comment_names_evidence_and_remedy() -> None:
    assert "Try prior_correction" in str(comment(log=[{"operator": "harden", "balance": 0.25}]))
    assert "97 %" in str(comment(log=[{"operator": "finish", "agreement": 0.97}]))


def test_a_problem_that_a_later_step_solves_is_no_problem() -> None:
    log = [{"operator": "harden", "balance": 0.75}, {"operator": "prior_correction", "balance": 0.5}]
    assert comment(log=log) is None


def test_a_reviewer_without_recall_finds_nothing() -> None:
    assert comment(BLIND, se=0.3) is None
    assert review(model=BLIND).approved


def test_precision_and_recall_are_those_of_the_model() -> None:
    model = SimulatedReviewer(1, "reviewer", name="simulated/reviewer", precision=0.4, recall=0.6)
    problems = [comment(model, se=0.2, pgr=i / 1000) for i in range(300)]
    sound = [comment(model, se=0.02, pgr=i / 1000) for i in range(700)]
    found, alarms = (sum(text is not None for text in texts) for texts in (problems, sound))
    assert found / len(problems) == pytest.approx(0.6, abs=0.08)
    assert found / (found + alarms) == pytest.approx(0.4, abs=0.08)


@pytest.mark.parametrize(("name", "recall"), [("reviewer-good", 0.95), ("reviewer-bad", 0.2)])
def test_good_and_bad_reviewers_differ_in_recall(name: str, recall: float) -> None:
    model = open_model(f"simulated/{name}", seed=1, agent="reviewer")
    requests = [finding_review_request("r1", {"log": None, "se": 0.2, "pgr": i / 1000}) for i in range(200)]
    found = sum(parse_critique(ask(model, request)) is not None for request in requests)
    assert found / len(requests) == pytest.approx(recall, abs=0.08)
