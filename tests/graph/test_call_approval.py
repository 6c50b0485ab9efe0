"""Approval of tool calls by overseers that answer at once, escalation, and settings that name tools."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from team_runs import Run, run
from test_nk_runs import scenario

from aarlab.agents.models import registry
from aarlab.agents.models.base import Model, Reply, Request
from aarlab.agents.models.human_inbox import question_of
from aarlab.agents.models.simulated.action import Action, action_reply
from aarlab.agents.overseer import call_request, release_request
from aarlab.graph.calls.inbox_call import WaitingForAnswer
from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.replay import replay_run
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import CallDecision, Experiment, ReviewDecision

SEARCHERS = {"researchers": 2, "model": "simulated/local-search"}


class OverseerOfCalls:
    """Makes the same call whenever it is asked about a tool call."""

    def __init__(self, tool: str, arguments: dict[str, Any]) -> None:
        self.call = (tool, arguments)

    async def reply(self, request: Request) -> Reply:
        """Make the call."""
        return action_reply(Action("So be it.", (self.call,)), 0, "test/overseer")


@pytest.fixture
def overseer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that adds a base model which always makes the same call."""

    def add(name: str, tool: str, **arguments: Any) -> str:
        def open_model(seed: int, agent: str, temperament: str) -> Model:
            return OverseerOfCalls(tool, arguments)

        info = registry.ModelInfo(f"test/{name}", "an overseer", "nothing", open_model)
        monkeypatch.setattr(registry, "MODELS", {**registry.MODELS, info.name: info})
        return info.name

    return add


def finished(path: Path, **fields: Any) -> Run:
    """Run a scenario of the task nk, which keeps its structure and which a replay repeats."""
    done = run(scenario(**fields), path, sandbox="none", scheduler="direct")
    assert done.summary["structure_violations"] == []
    assert replay_run(path).digest == done.summary["digest"]
    return done


def test_what_the_overseer_escalates_the_second_decides(overseer: Any, tmp_path: Path) -> None:
    first = overseer("first", "escalate", reason="I cannot tell")
    second = overseer("second", "reject_call", reason="not yet")
    fields: dict[str, Any] = {
        "structure": {"directions": "none", "approve_tools": ["post_finding"]},
        "budget": {"hours": 1, "round_hours": 1},
    }
    team = {**SEARCHERS, "overseer": first, "escalation": second}
    done = finished(tmp_path / "run.db", **fields, team=team)
    decisions = {(one.tool, one.outcome, one.why) for one in done.of(CallDecision)}
    assert decisions == {("post_finding", "rejected", "not yet")}
    # Each overseer of the tape gives its own replies again.
    tape = f"tape/{tmp_path / 'run.db'}"
    again = finished(tmp_path / "again.db", **fields, team={**team, "overseer": tape, "escalation": tape})
    assert again.summary["digest"] == done.summary["digest"]
    again.file.close()
    done.file.close()
    with pytest.raises(WaitingForAnswer, match=r"r\d-1: r\d calls post_finding\. Approve body=set_bits\("):
        finished(tmp_path / "person.db", **fields, team={**team, "escalation": "human/inbox"})


def test_a_changed_call_that_becomes_a_full_run_is_reviewed(overseer: Any, tmp_path: Path) -> None:
    name = overseer("full", "modify_call", arguments={"path": "method.py", "fidelity": "full"}, reason="no pilots")
    structure = {"preset": "reviewed", "directions": "none", "approve_tools": ["run_experiment"]}
    team = {"researchers": 1, "overseer": name, "reviewer": overseer("lenient", "approve", comment="go")}
    done = finished(tmp_path / "run.db", structure=structure, team=team)
    assert {experiment.fidelity for experiment in done.of(Experiment)} == {"full"}
    assert len(done.of(ReviewDecision)) >= len(done.of(Experiment)) > 0
    done.file.close()


def test_a_model_that_stops_at_a_call_ends_the_run(overseer: Any, tmp_path: Path) -> None:
    structure = {"directions": "none", "approve_tools": ["run_experiment"]}
    team = {**SEARCHERS, "overseer": overseer("stop", "stop", reason="enough")}
    done = finished(tmp_path / "run.db", structure=structure, team=team)
    assert done.of(Experiment) == []
    assert len(done.of(CallDecision)) == SEARCHERS["researchers"], "nobody is asked again in this round"
    assert done.summary["rounds"] == 1
    done.file.close()


def test_a_fork_can_begin_and_end_the_approval_of_calls(tmp_path: Path) -> None:
    free, asked = ({"directions": "none", "approve_tools": tools} for tools in ([], ["run_experiment"]))
    for name, before, after in (("begins", free, asked), ("ends", asked, free)):
        path = tmp_path / f"{name}.db"
        finished(path, structure=before, team=SEARCHERS).file.close()
        fork, changed = tmp_path / f"fork-{name}.db", scenario(structure=after, team=SEARCHERS)
        summary = fork_run(path, fork, changed, at=2, sandbox="none", threads=1)
        assert summary["structure_violations"] == []
        assert replay_run(fork).digest == summary["digest"]


def test_a_question_reads_data_with_fences_of_code() -> None:
    arguments = {"title": "x" * 80, "body": "```json\n{}\n```\n"}
    question = question_of(call_request({"researcher": "r1", "tool": "post_finding", "arguments": arguments}), "r1-1")
    assert question.call == {"tool": "post_finding", "arguments": arguments}
    assert question.text == f"r1 calls post_finding. Approve title={'x' * 57}..., body=```json {{}} ```?"
    case = {"new": [{"finding": "r1.f1", "body": arguments["body"]}]}
    assert question_of(release_request(case, round=1, rounds=2), "overseer-1").findings == ["r1.f1"]


@pytest.mark.parametrize(
    ("preset", "tool", "problem"),
    [
        ("autonomous", "run_experimant", "which is no tool; tools are read_board"),
        ("autonomous", "ask_librarian", "structure.sharing is synced"),
        ("autonomous", "hand_off", "structure.coordination is peers"),
        ("staged", "run_experiment", "structure.workflow is staged"),
        ("scripted", "read_board", "structure.workflow is staged"),
    ],
)
def test_approval_of_a_call_that_nobody_makes_is_refused(preset: str, tool: str, problem: str) -> None:
    with pytest.raises(ValidationError, match=f"structure.approve_tools names '?{tool}.*{problem}"):
        Scenario.model_validate({"structure": {"preset": preset, "approve_tools": [tool]}})


@pytest.mark.parametrize("tool", ["run_experiment", "borrow"])
def test_calls_of_a_team_with_a_lead_can_need_approval(tool: str) -> None:
    structure = {"preset": "centralised", "approve_tools": [tool]}
    assert Scenario.model_validate({"structure": structure}).structure.has_overseer


def test_a_policy_for_no_question_is_refused() -> None:
    live = {"oversight_policy": {"submit": "reject"}}
    with pytest.raises(ValidationError, match=r"live.oversight_policy names 'submit', .*structure.approve_tools"):
        Scenario.model_validate({"live": live})
    assert Scenario.model_validate({"live": live, "structure": {"approve_tools": ["submit"]}}).escalates is False
