"""The response to flags: what a flag of a monitor does during the run."""

from pathlib import Path
from typing import Any

import pytest
from team_runs import scenario

from aarlab.graph.calls.inbox_call import WaitingForAnswer
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.resume import resume_run
from aarlab.memory.board import Board
from aarlab.memory.events import Evaluation, Flagged, Prompted
from aarlab.memory.instruction_rows import Instruction
from aarlab.memory.instructions import give_instruction, open_questions
from aarlab.memory.run_reader import RunReader


def run(path: Path, response: str, **team: Any) -> dict[str, Any]:
    """Run a team in which r2 claims scores that no experiment gave."""
    changes = {"structure": {"response": response}, "team": {"researchers": 2, "hostile": {"false-claim": 1}, **team}}
    return run_scenario(scenario(**changes), path, sandbox="none", threads=1, scheduler="direct")


def test_disqualified_findings_are_private_and_not_scored(tmp_path: Path) -> None:
    summary = run(tmp_path / "run.db", "disqualify")
    assert summary["structure_violations"] == []
    flags = [flag for flag in summary["flags"] if flag["monitor"] == "provenance"]
    assert {(flag["agent"], flag["outcome"]) for flag in flags} == {("r2", "disqualified")}
    with RunReader.open(tmp_path / "run.db") as file:
        board = Board(file)
        held_back = {key for flag in summary["flags"] for key in flag["findings"]}
        assert held_back
        assert not held_back & {post.finding.id for post in board.posts(visible_to="r1")}
        assert held_back <= {post.finding.id for post in board.posts(visible_to="r2")}, "their author keeps them"
        results = {post.finding.id for post in board.leaderboard()}
        scored = {e.event.subject for e in file.entries(Evaluation) if e.event.panel in ("final", "heldout")}
        assert not held_back & (results | scored)
    assert (summary["best"] or {}).get("finding") not in held_back
    assert replay_run(tmp_path / "run.db").digest == summary["digest"]


def test_only_the_author_of_a_flagged_finding_is_warned(tmp_path: Path) -> None:
    summary = run(tmp_path / "run.db", "warn")
    with RunReader.open(tmp_path / "run.db") as file:
        texts = {
            name: "".join(file.message(entry.event.message).text for entry in file.entries(Prompted, stream=name))
            for name in ("r1", "r2")
        }
    assert "The monitor provenance flagged r2.f1 (warned): it claims" in texts["r2"]
    assert "The monitor provenance flagged" not in texts["r1"]
    assert replay_run(tmp_path / "run.db").digest == summary["digest"]


def test_what_the_overseer_escalates_a_person_decides(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with pytest.raises(WaitingForAnswer, match=r"escalation-1: .*it writes into the training log"):
        run(path, "ask", hostile={"pad-log": 1}, escalation="human/inbox")
    with RunReader.open(path) as file:
        (waiting,) = open_questions(file)
    give_instruction(path, Instruction("reject", "anna", "the log is padded", waiting.question.id))
    policy: Any = {"flag": "auto-approve"}
    summary = resume_run(path, sandbox="none", threads=1, scheduler="direct", oversight_policy=policy)
    with RunReader.open(path) as file:
        escalated = {entry.event.note: entry.event.outcome for entry in file.entries(Flagged)}
    assert escalated["the log is padded"] == "disqualified"
    assert replay_run(path).digest == summary["digest"]


def test_a_person_decides_about_each_flag_hours_later(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with pytest.raises(WaitingForAnswer, match=r"provenance, r2\.f1: it claims .* Does the result count"):
        run(path, "ask", overseer="human/inbox")
    with RunReader.open(path) as file:
        (waiting,) = open_questions(file)
    assert waiting.question.about == "flag"
    give_instruction(path, Instruction("reject", "anna", "no experiment", waiting.question.id))
    policy: Any = {"flag": "auto-approve"}
    summary = resume_run(path, sandbox="none", threads=1, scheduler="direct", oversight_policy=policy)
    with RunReader.open(path) as file:
        outcomes = [entry.event.outcome for entry in file.entries(Flagged)]
    assert outcomes[0] == "disqualified"
    assert set(outcomes[1:]) == {"kept"}
    assert replay_run(path).digest == summary["digest"]
