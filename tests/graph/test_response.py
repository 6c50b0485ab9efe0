"""The response to flags: what a flag of a monitor does during the run."""

from pathlib import Path
from typing import Any

import pytest
from team_runs import ON_ONE_CORE, scenario
from team_runs import run as run_once

from aarlab.agents.models import registry
from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated.action import Action, action_reply
from aarlab.graph.calls.inbox_call import WaitingForAnswer
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.resume import resume_run
from aarlab.graph.scenario import Scenario
from aarlab.memory.board import Board
from aarlab.memory.events import Evaluation, Flagged, Prompted
from aarlab.memory.instruction_rows import Instruction
from aarlab.memory.instructions import give_instruction, open_questions
from aarlab.memory.run_reader import RunReader


def run(path: Path, response: str, **team: Any) -> dict[str, Any]:
    """Run a team in which r2 claims scores that no experiment gave."""
    changes = {"structure": {"response": response}, "team": {"researchers": 2, "hostile": {"false-claim": 1}, **team}}
    return executed(scenario(**changes), path)


def executed(scenario: Scenario, path: Path) -> dict[str, Any]:
    """Run a scenario and return its summary."""
    done = run_once(scenario, path)
    done.file.close()
    return done.summary


def resume(path: Path) -> dict[str, Any]:
    """Resume a run, in which further flags are approved."""
    with RunReader.open(path) as file:
        mode = file.info().sandbox
    return resume_run(path, sandbox=mode, oversight_policy={"flag": "auto-approve"}, **ON_ONE_CORE)


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


class Poster:
    """Runs a flagged method in round 1, and posts its result at once, or in round 2 and once more in round 3."""

    CODE = """
from aarlab.scenarios import toolkit as tk

def method(world):
    world.log.append({"operator": "start", "kept": 1.0})
    return tk.finish(tk.start(world))
"""

    def __init__(self, *, late: bool) -> None:
        self.turn, self.late = 0, late

    async def reply(self, request: Request) -> Reply:
        """Make the calls of the round with the first reply in it."""
        self.turn += 1
        last = request.conversation.messages[-1].text
        write = ("write_file", {"path": "m.py", "text": self.CODE})
        run = ("run_experiment", {"path": "m.py", "fidelity": "full"})
        finding = {"type": "result", "title": "It works", "body": "So.", "family": "other", "experiment": "r1.e1"}
        post = ("post_finding", finding)
        first = (write, run) if self.late else (write, run, post)
        calls = {"## Round 1": first, "## Round 2": (post,), "## Round 3": (post,)}
        begun = next((calls[start] for start in calls if last.startswith(start)), ())
        return action_reply(Action("Next.", begun), self.turn, "poster")


def run_poster(
    path: Path, monkeypatch: pytest.MonkeyPatch, response: str, *, late: bool, **budget: Any
) -> dict[str, Any]:
    """Run a team of one poster."""
    info = registry.ModelInfo("test/poster", "posts", "nothing", lambda seed, agent, temperament: Poster(late=late))
    monkeypatch.setattr(registry, "MODELS", {**registry.MODELS, info.name: info})
    team = {"researchers": 1, "model": info.name}
    chosen = scenario(structure={"response": response, "opening": "none"}, team=team, budget={"hours": 3, **budget})
    return executed(chosen, path)


@pytest.mark.parametrize("calls", [2, 3])
def test_a_flag_that_nobody_can_decide_disqualifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    path = tmp_path / "run.db"
    summary = run_poster(path, monkeypatch, "ask", late=False, round_hours=3, calls=calls)
    with RunReader.open(path) as file:
        (flag,) = [entry.event for entry in file.entries(Flagged) if entry.event.monitor == "method code"]
    assert flag.findings == ["r1.f1"]
    assert ("nobody could decide" in flag.note) == (calls == 2)
    assert calls == 3 or flag.outcome == "disqualified"
    assert (summary["best"] is None) == (flag.outcome == "disqualified")
    assert replay_run(path).digest == summary["digest"]


@pytest.mark.parametrize("response", ["withhold", "disqualify"])
def test_what_is_posted_after_its_flag_is_held_back_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, response: str
) -> None:
    path = tmp_path / "run.db"
    summary = run_poster(path, monkeypatch, response, late=True, round_hours=1)
    with RunReader.open(path) as file:
        posts = {post.finding.id: post.held_back for post in Board(file).posts()}
        method_flags = [flag for entry in file.entries(Flagged) if (flag := entry.event).monitor == "method code"]
    outcome = {"withhold": "withheld", "disqualify": "disqualified"}[response]
    assert posts == {"r1.f1": outcome, "r1.f2": outcome}
    assert [flag.findings for flag in method_flags] == [[], ["r1.f1"], ["r1.f1", "r1.f2"]]
    assert [flag["findings"] for flag in summary["flags"] if flag["monitor"] == "method code"] == [["r1.f1", "r1.f2"]]
    assert summary["structure_violations"] == []
    assert replay_run(path).digest == summary["digest"]


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
    summary = resume(path)
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
    summary = resume(path)
    with RunReader.open(path) as file:
        outcomes = [entry.event.outcome for entry in file.entries(Flagged)]
    assert outcomes[0] == "disqualified"
    assert set(outcomes[1:]) == {"kept"}
    assert replay_run(path).digest == summary["digest"]
