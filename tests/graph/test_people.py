"""People in the loop: questions that wait in the run file, answers from other processes, posts, messages, a pause."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from team_runs import scenario

import aarlab
from aarlab.graph.calls.inbox_call import WaitingForAnswer
from aarlab.graph.flow.people_instructions import RunPaused
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.resume import resume_run
from aarlab.memory.board import Board
from aarlab.memory.events import Decision, Event, PersonAction, Prompted, Published
from aarlab.memory.instruction_rows import Instruction
from aarlab.memory.instructions import InstructionRefused, give_instruction, open_questions
from aarlab.memory.run_reader import RunReader

AARLAB = [sys.executable, "-m", "aarlab"]


@pytest.fixture(scope="module")
def asked(made_once: Callable[..., Path]) -> Path:
    """Return a run with a gate that has ended at its first question."""

    def make(folder: Path) -> None:
        # Experiments on the task nk take no time.
        team = {"researchers": 2, "model": "simulated/local-search", "overseer": "human/inbox"}
        structure = {"oversight": "gate", "directions": "none"}
        gated = scenario(task={"name": "nk", "parameters": {"n": 6, "k": 2}}, structure=structure, team=team)
        with pytest.raises(WaitingForAnswer, match="overseer-1"):
            run_scenario(gated, folder / "asked.db", sandbox="none", threads=1, scheduler="direct")

    return made_once("asked", make) / "asked.db"


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
        (question,) = waiting(path)
        approve(path, question)
        summary = resume(path)
    assert waiting(path) == []
    assert summary["waited_for_people_s"] > 0
    assert summary["digest"] == replay_run(path).digest
    return str(summary["digest"])


def test_a_waiting_run_can_be_replayed_and_asks_the_same_again(path: Path) -> None:
    with RunReader.open(path) as file:
        assert file.info().status == "waiting"
        digest = file.digest()
    assert replay_run(path).digest == digest
    assert resume(path) is None
    assert waiting(path) == ["overseer-1"]
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


def test_of_two_terminals_the_first_answer_stands(path: Path) -> None:
    commands = [
        [*AARLAB, action, str(path), "overseer-1", "--why", "mine", "--as", action] for action in ("approve", "reject")
    ]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    errors = [process.communicate(timeout=240)[1] for process in processes]
    codes = [process.returncode for process in processes]
    assert sorted(codes) == [0, 2], errors
    first = ("approve", "reject")[codes.index(0)]
    assert f"already has an answer, which stands: {first} by {first} (mine)" in errors[codes.index(2)]
    summary = resume(path, oversight_policy={"all": "timeout=0:approve"})
    assert summary is not None
    taken_up = [(event.action, event.who) for event in events(path, PersonAction)]
    assert taken_up[0] == (first, first)
    # What was posted in round 2 depends on the answer.
    assert set(taken_up[1:]) <= {("approve", "policy timeout=0:approve")}
    assert replay_run(path).digest == summary["digest"]


def test_python_lists_and_answers_what_waits(path: Path) -> None:
    (waits,) = aarlab.inbox(path.parent)
    assert (waits.run, waits.question.id, waits.question.about, waits.given) == (path, "overseer-1", "release", None)
    waits.answer("modify", "the others have no pilot", who="anna", findings=waits.question.findings[:1])
    with pytest.raises(InstructionRefused, match="already has an answer, which stands: modify by anna"):
        waits.answer("approve", "sound")
    (answered,) = aarlab.inbox(path.parent)
    assert answered.given is not None
    assert answered.given.findings == tuple(waits.question.findings[:1])


def test_an_answer_to_no_open_question_is_refused(path: Path) -> None:
    for wrong, problem in (
        (Instruction("approve", "anna", "x", "overseer-7"), "no question 'overseer-7' waits"),
        (Instruction("modify", "anna", "x", "overseer-1", ("r9.f1",)), "does not ask about 'r9.f1'"),
        (Instruction("message", "anna", "x", agent="r9", text="x"), "no researcher 'r9'"),
    ):
        with pytest.raises(InstructionRefused, match=problem) as refused:
            give_instruction(path, wrong)
        assert refused.value.expected
    assert waiting(path) == ["overseer-1"]


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


def test_a_stop_as_answer_closes_the_run(path: Path) -> None:
    give_instruction(path, Instruction("stop", "anna", "enough", "overseer-1"))
    summary = resume(path)
    assert summary is not None
    assert (summary["status"], summary["limits_reached"]) == ("stopped", ["stopped by anna: enough"])
    assert summary["rounds"] == 1
    assert replay_run(path).digest == summary["digest"]


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
