"""People in the loop: questions that wait in the run file, answers from other processes, posts, messages, a pause."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from team_runs import scenario

import aarlab
from aarlab.cli.answer_commands import modify
from aarlab.graph.calls.inbox_call import WaitingForAnswer
from aarlab.graph.flow.people_instructions import RunPaused
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.resume import resume_run
from aarlab.memory.board import Board
from aarlab.memory.events import Decision, Event, Finding, PersonAction, Prompted, Published, ToolExecution
from aarlab.memory.instruction_rows import Instruction
from aarlab.memory.instructions import InstructionRefused, give_instruction, open_questions
from aarlab.memory.run_reader import RunReader

AARLAB = [sys.executable, "-m", "aarlab"]


STRUCTURES: dict[str, dict[str, Any]] = {
    "release": {"oversight": "gate"}, "tool_call": {"approve_tools": ["post_finding", "submit"]},
}  # fmt: skip
FIRST = {"release": ["overseer-1"], "tool_call": ["r1-1", "r2-1"]}
"""The questions at which the run ends first."""
of_release = pytest.mark.parametrize("kind", ["release"], indirect=True)
of_tool_call = pytest.mark.parametrize("kind", ["tool_call"], indirect=True)


@pytest.fixture(scope="module", params=STRUCTURES)
def kind(request: pytest.FixtureRequest) -> str:
    """Return what the run asks about."""
    return str(request.param)


@pytest.fixture(scope="module")
def asked(made_once: Callable[..., Path], kind: str) -> Path:
    """Return a run that has ended at its first question."""

    def make(folder: Path) -> None:
        # Experiments on the task nk take no time.
        team = {"researchers": 2, "model": "simulated/local-search", "overseer": "human/inbox"}
        structure = {**STRUCTURES[kind], "directions": "none"}
        gated = scenario(task={"name": "nk", "parameters": {"n": 6, "k": 2}}, structure=structure, team=team)
        with pytest.raises(WaitingForAnswer, match="-1: "):
            run_scenario(gated, folder / "asked.db", sandbox="none", threads=1, scheduler="direct")

    return made_once(f"asked_{kind}", make) / "asked.db"


@pytest.fixture
def path(asked: Path, tmp_path: Path) -> Path:
    """Return a copy of the run that waits."""
    return Path(shutil.copy(asked, tmp_path / "run.db"))


def resume(path: Path, **options: Any) -> dict[str, Any] | None:
    """Resume a run and return its summary; None if it asks again."""
    try:
        return resume_run(path, sandbox="none", threads=1, scheduler="direct", **options)
    except WaitingForAnswer:
        return None


def approve(path: Path, question: str) -> None:
    give_instruction(path, Instruction("approve", "anna", "sound", question))


def waiting(path: Path) -> list[str]:
    with RunReader.open(path) as file:
        return [one.question.id for one in open_questions(file)]


def unanswered(path: Path) -> list[str]:
    with RunReader.open(path) as file:
        return [one.question.id for one in open_questions(file) if one.answer is None]


def events(path: Path, *kinds: type[Event]) -> list[Any]:
    with RunReader.open(path) as file:
        return [entry.event for entry in file.entries(*kinds)]


@pytest.fixture(scope="module")
def approved(asked: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the digest of the run with every question approved, each answered while no process had the file."""
    path = Path(shutil.copy(asked, tmp_path_factory.mktemp("approved") / "elsewhere.db"))
    summary = None
    while summary is None:
        for question in unanswered(path):
            approve(path, question)
        summary = resume(path)
    assert waiting(path) == []
    assert summary["waited_for_people_s"] > 0
    assert summary["digest"] == replay_run(path).digest
    return str(summary["digest"])


def test_a_waiting_run_can_be_replayed_and_asks_the_same_again(path: Path, kind: str) -> None:
    with RunReader.open(path) as file:
        assert file.info().status == "waiting"
        digest = file.digest()
    assert replay_run(path).digest == digest
    assert resume(path) is None
    assert waiting(path) == FIRST[kind]
    assert replay_run(path).digest == digest


def test_a_run_killed_while_it_waits_takes_up_the_answer(path: Path, approved: str) -> None:
    script = (
        "import sys; from pathlib import Path; from aarlab.graph.run.resume import resume_run; "
        "resume_run(Path(sys.argv[1]), sandbox='none', threads=1, scheduler='direct', "
        "oversight_policy={'all': 'wait'}, "
        "progress=lambda text, share: print(text, flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("waiting for an answer"):
                process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL

    def answer(text: str, share: float) -> None:
        if text.startswith("waiting for an answer") and (questions := unanswered(path)):
            approve(path, questions[0])

    # This time the answers come while the process waits.
    summary = resume(path, oversight_policy={"all": "wait"}, progress=answer)
    assert summary is not None
    assert summary["digest"] == approved
    assert replay_run(path).digest == approved


def test_of_two_terminals_the_first_answer_stands(path: Path, kind: str) -> None:
    commands = [
        [*AARLAB, action, str(path), FIRST[kind][0], "--why", "mine", "--as", action]
        for action in ("approve", "reject")
    ]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    errors = [process.communicate(timeout=240)[1] for process in processes]
    codes = [process.returncode for process in processes]
    assert sorted(codes) == [0, 2], errors
    first = ("approve", "reject")[codes.index(0)]
    assert f"already has an answer, which stands: {first} by {first} (mine)" in errors[codes.index(2)]
    summary = resume(path, oversight_policy={"all": "timeout=0:approve"})
    assert summary is not None
    taken_up = {event.question: (event.action, event.who) for event in events(path, PersonAction)}
    assert taken_up.pop(FIRST[kind][0]) == (first, first)
    # What was posted in round 2 depends on the answer.
    assert set(taken_up.values()) <= {("approve", "policy timeout=0:approve")}
    assert replay_run(path).digest == summary["digest"]


def test_the_graph_of_the_page_answers_what_waits(
    path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(path.parent)
    page = (Path(__file__).parents[2] / "docs" / "oversight.md").read_text()
    (code,) = (block for block in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S) if "interrupt" in block)
    exec(compile(code, "docs/oversight.md", "exec"), {"__name__": "page"})
    assert len(capsys.readouterr().out.splitlines()) == len(FIRST[kind])
    given = [(one.given.action, one.given.who) for one in aarlab.inbox(".") if one.given]
    assert given == [("approve", "anna")] * len(FIRST[kind])


@of_release
def test_python_lists_and_answers_what_waits(path: Path) -> None:
    (waits,) = aarlab.inbox(path.parent)
    assert (waits.run, waits.question.id, waits.question.about, waits.given) == (path, "overseer-1", "release", None)
    waits.answer("modify", "the others have no pilot", who="anna", findings=waits.question.findings[:1])
    with pytest.raises(InstructionRefused, match="already has an answer, which stands: modify by anna"):
        waits.answer("approve", "sound")
    (answered,) = aarlab.inbox(path.parent)
    assert answered.given is not None
    assert answered.given.findings == tuple(waits.question.findings[:1])


def refused_answers(question: str, kind: str) -> Iterator[tuple[Instruction, str]]:
    """Yield answers that are refused, each with the problem."""
    yield Instruction("approve", "anna", "x", "overseer-7"), "no question 'overseer-7' waits"
    yield Instruction("message", "anna", "x", agent="r9", text="x"), "no researcher 'r9'"
    if kind == "release":
        yield Instruction("modify", "anna", "x", question, ("r9.f1",)), "does not ask about 'r9.f1'"
        yield Instruction("modify", "anna", "x", question), "asks which findings to release"
        return
    for text, problem in (
        ("", "no JSON"), ("[1]", "no JSON object"), ('{"titel": 1}', "no argument 'titel'"),
        ('{"title": "x"}', "the argument 'type' of post_finding is missing"),
    ):  # fmt: skip
        yield Instruction("modify", "anna", "x", question, text=text), problem


def test_an_answer_to_no_open_question_is_refused(path: Path, kind: str) -> None:
    for wrong, problem in refused_answers(FIRST[kind][0], kind):
        with pytest.raises(InstructionRefused, match=problem) as refused:
            give_instruction(path, wrong)
        assert refused.value.expected
    assert unanswered(path) == FIRST[kind]


@of_release
def test_what_is_rejected_throughout_is_never_published(path: Path) -> None:
    summary = resume(path, oversight_policy={"release": "reject"})
    assert summary is not None
    with RunReader.open(path) as file:
        published = {entry.event.finding for entry in file.entries(Published)}
    assert all(finding.startswith("lab.") for finding in published)
    choices = [decision.choice for decision in events(path, Decision) if decision.taken_by == "person"]
    assert choices
    assert all(choice.endswith(" withheld") for choice in choices)
    assert {event.who for event in events(path, PersonAction)} == {"policy reject"}
    assert replay_run(path).digest == summary["digest"]


@of_tool_call
def test_calls_that_are_rejected_throughout_have_no_effect(path: Path) -> None:
    # The policy of one tool comes before that of its kind.
    summary = resume(path, oversight_policy={"post_finding": "reject", "tool_call": "auto-approve"})
    assert summary is not None
    assert all(finding.author == "lab" for finding in events(path, Finding))
    rejected = [call for call in events(path, ToolExecution) if call.tool == "post_finding"]
    assert rejected
    assert {(call.ok, call.cost_hours) for call in rejected} == {(False, 0.0)}
    assert "the overseer rejected this call: the policy of this run" in rejected[0].summary
    decisions = [one.choice for one in events(path, Decision) if one.taken_by == "person"]
    assert decisions == ["post_finding rejected"] * len(rejected)
    assert summary["autonomy_by_kind"]["tool_call"] == 0
    assert summary["structure_violations"] == []
    assert replay_run(path).digest == summary["digest"]


@of_tool_call
def test_a_call_takes_effect_with_the_arguments_of_the_person(path: Path) -> None:
    (r1, r2) = aarlab.inbox(path.parent)
    assert r1.question.call is not None
    assert (r1.question.about, r1.question.call["tool"]) == ("tool_call", "post_finding")
    changed = json.dumps({**r1.question.call["arguments"], "title": "Mine"})
    command = [str(path), "r1-1", "--arguments", changed, "--why", "a better title", "--as", "anna"]
    assert CliRunner().invoke(modify, command).exit_code == 0
    r2.answer("modify", "wrong value", who="anna", arguments={**r1.question.call["arguments"], "type": "guess"})
    summary = resume(path, oversight_policy={"all": "auto-approve"})
    assert summary is not None
    posts = {finding.id: finding for finding in events(path, Finding)}
    assert posts["r1.f1"].title == "Mine"
    outcomes = {name: call_results(path, name)[0] for name in ("r1", "r2")}
    assert '"overseer":"the overseer changed the arguments to {' in outcomes["r1"]
    assert "That is no valid call: post_finding: type: Input should be" in outcomes["r2"]
    assert summary["structure_violations"] == []
    assert replay_run(path).digest == summary["digest"]


def call_results(path: Path, name: str) -> list[str]:
    """Return the results of the calls of post_finding of a researcher."""
    with RunReader.open(path) as file:
        ids = [e.event.tool_call_id for e in file.entries(ToolExecution, stream=name) if e.event.tool == "post_finding"]
        messages = [file.message(entry.event.message) for entry in file.entries(Prompted, stream=name)]
    return [result.content for m in messages for result in m.tool_results if result.tool_call_id in ids]


def test_a_stop_as_answer_closes_the_run(path: Path, kind: str) -> None:
    for question in FIRST[kind]:
        give_instruction(path, Instruction("stop", "anna", "enough", question))
    summary = resume(path)
    assert summary is not None
    assert (summary["status"], summary["limits_reached"]) == ("stopped", ["stopped by anna: enough"])
    assert summary["rounds"] == 1
    assert summary["structure_violations"] == []
    assert replay_run(path).digest == summary["digest"]


@of_release
def test_posts_messages_and_a_pause_are_taken_up_between_rounds(path: Path, tmp_path: Path) -> None:
    give_instruction(path, Instruction("approve", "anna", "sound", "overseer-1"))
    give_instruction(path, Instruction("post", "anna", "a hint", text="Bagging is stable."))
    give_instruction(path, Instruction("message", "anna", "for you", agent="r2", text="Try propagation."))
    give_instruction(path, Instruction("pause", "anna", "lunch"))
    with pytest.raises(RunPaused, match="paused by anna: lunch"):
        resume(path)
    assert replay_run(path).finished is False
    # A later instruction is taken up where the recording ends, not in a recorded round.
    give_instruction(path, Instruction("message", "ben", "also", agent="r1", text="Hello."))
    summary = resume(path, oversight_policy={"all": "auto-approve"})
    assert summary is not None
    assert replay_run(path).digest == summary["digest"]
    with RunReader.open(path) as file:
        rounds = {e.event.action + (e.event.agent or ""): e.round for e in file.entries(PersonAction, stream="people")}
        assert rounds == {"post": 1, "messager2": 1, "pause": 1, "messager1": 1}
        post = Board(file).post("lab.p1", visible_to="r1")
        assert post is not None
        assert "Posted by anna." in post.finding.body
        texts = {
            name: "".join(file.message(entry.event.message).text for entry in file.entries(Prompted, stream=name))
            for name in ("r1", "r2")
        }
    assert [texts[name].count("anna to you: Try propagation.") for name in ("r1", "r2")] == [0, 1]
    assert "lab.p1" in texts["r1"]
    assert summary["structure_violations"] == []
