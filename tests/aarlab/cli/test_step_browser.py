"""Tests of `aarlab replay --step`."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from aarlab.cli.main import main
from aarlab.cli.show.agent_steps import agent_steps
from aarlab.cli.show.display_options import DisplayOptions
from aarlab.cli.show.step_browser import StepBrowser
from aarlab.memory.events import TEAM, Borrowed, Edge, Event, Experiment, Finding, ModelCall, Prompted, ToolExecution
from aarlab.memory.messages import Message, Text, ToolCall, ToolResult
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter

HEADING = re.compile(r"─ (\S+), (?:round (\d+)|setup) · step ([\d,]+) of ([\d,]+) ─")


@pytest.fixture
def file(summary: dict[str, Any]) -> Any:
    """Return a finished run, open for reading."""
    with RunReader.open(Path(summary["file"])) as file:
        yield file


@pytest.fixture
def walk(file: RunWriter) -> Callable[..., str]:
    """Return a step browser of the finished run."""
    return walk_through(file)


def walk_through(file: RunWriter) -> Callable[..., str]:
    """Return a function that executes commands and returns the page after the last one."""
    walk, console = StepBrowser(file, DisplayOptions()), Console(width=100, force_terminal=False, color_system=None)

    def handle_command(*commands: str) -> str:
        page = ""
        for command in commands:
            with console.capture() as capture:
                for part in walk.handle_command(command):
                    console.print(part, crop=False)
            page = capture.get()
        return page

    return handle_command


def where(page: str) -> tuple[str, int, int]:
    """Return agent, round and number of the shown step."""
    (heading,) = HEADING.findall(page)
    return heading[0], int(heading[1] or 0), int(heading[2].replace(",", ""))


def test_steps_contain_each_event_once_in_order(file: RunWriter) -> None:
    places: dict[str, list[int]] = {}
    for step in agent_steps(file):
        places.setdefault(step.stream, []).extend(range(step.first, step.last + 1))
    lengths = {stream: sum(1 for _ in file.entries(stream=stream)) for stream in file.streams()}
    assert places == {stream: list(range(length)) for stream, length in lengths.items()}


def test_step_is_one_reply_with_its_tool_results(file: RunWriter) -> None:
    for step in agent_steps(file):
        events = [entry.event for entry in file.stream_range(step.stream, step.first, step.last)]
        if step.stream == TEAM:
            assert len({type(event) for event in events}) == 1
            continue
        thoughts = [event for event in events if isinstance(event, ModelCall) and event.role == "researcher"]
        assert len(thoughts) <= 1
        uses = {use.id for call in thoughts for use in file.message(call.reply).tool_calls}
        assert uses == {event.tool_call_id for event in events if isinstance(event, ToolExecution)}
        output = [file.message(event.message) for event in events if isinstance(event, Prompted)]
        assert uses == {result.tool_call_id for message in output for result in message.tool_results}


def test_next_and_back_are_inverse(walk: Callable[..., str]) -> None:
    third = walk("n", "", "")
    assert where(third)[2] == 4
    assert walk("n 5", "b 5") == third
    assert walk("b", "n") == third
    assert "This is the first step of the run." in walk("b 1000", "b")
    assert "This is the last step of the run." in walk("n 100000", "n")


def test_follow_an_agent_and_go_to_a_round(walk: Callable[..., str]) -> None:
    assert where(walk("a r2", "r 2"))[:2] == ("r2", 2)
    on = [where(walk(""))[0] for _ in range(4)]
    assert on == ["r2"] * 4
    assert where(walk("a", "r 2"))[:2] == (TEAM, 2)
    assert "There are no steps from round 99 on" in walk("r 99")
    assert "no such agent" in walk("a r77")


def test_tool_call_opens_in_full(walk: Callable[..., str], file: RunWriter) -> None:
    first = next(entry for entry in file.entries(Experiment, stream="r1"))
    steps = [step for step in agent_steps(file) if step.stream == "r1"]
    number = next(number for number, step in enumerate(steps) if step.last >= first.ordinal)
    page = walk("a r1", "r 0", f"n {number}")
    (number,) = re.findall(r"o (\d): run_experiment", page)
    opened = walk(f"o {number}")
    assert "▸ run_experiment" in opened
    assert "experiment r1.e1" in opened
    assert "(--full)" not in opened
    assert f"This step has {number} tool call" in walk("o 9")
    assert "This step has no tool call." in walk("r 0", "o")


@pytest.fixture
def borrowing(tmp_path: Path) -> RunWriter:
    """Return a run in which r2 borrows in round 2 what r1 posted in round 1."""
    file = RunWriter.create(tmp_path / "borrowing.db", run_id="borrowing", version="0", seed=1, scenario={})

    def step(stream: str, round_: int, tool: str, *events: Event) -> None:
        use = ToolCall(f"u{round_}", tool, {})
        reply = file.store_message(Message("assistant", (Text(f"I use {tool}."), use)))
        results = file.store_message(Message("user", (ToolResult(use.id, "{}"),)))
        call = ModelCall("researcher", "m", "h", reply, "tool_use", 1, 1, 0.0, 0.1)
        for event in (call, *events, ToolExecution(use.id, tool, True, "", 0.1), Prompted("researcher", results)):
            file.append(stream, event, round=round_, hours=float(round_))

    posted = Finding("r1.f1", "r1", "hypothesis", "Look at the margin", "", "other", None, None, None, None, None)
    step("r1", 1, "post_finding", posted)
    step("r2", 1, "list_findings")
    step("r2", 2, "borrow", Borrowed("r1.f1", "borrowed/r1.f1.py"))
    step("r2", 3, "post_finding", replace(posted, id="r2.f1", author="r2"), Edge("borrows", "r2.f1", "r1.f1", ""))
    return file


@pytest.mark.parametrize("round_", [2, 3])
def test_jump_to_the_origin_of_a_finding_and_back(borrowing: RunWriter, round_: int) -> None:
    walk = walk_through(borrowing)
    page = walk(f"r {round_}")
    assert "⤷ r1.f1 “Look at the margin”, posted by r1 in round 1" in page
    assert "j: origin of the finding" in page
    origin = walk("j")
    assert where(origin)[:2] == ("r1", 1)
    assert "I use post_finding." in origin
    assert walk("u") == page
    assert "There is no jump to undo." in walk("u")
    assert where(walk("j r2.f1"))[:2] == ("r2", 3)
    assert "There is no finding 'r9.f99'" in walk("j r9.f99")
    assert "This step names no finding." in walk("r 1", "j")


def test_unknown_command_and_help(walk: Callable[..., str]) -> None:
    assert "Unknown command 'fly'" in walk("fly")
    assert "undo the last jump" in walk("?")


def stepped(typed: str, *arguments: str) -> Result:
    """Return the result of `aarlab replay --step` with this input."""
    return CliRunner().invoke(main, ["replay", "--step", *arguments], input=typed)


def test_step_option_browses_after_the_replay(summary: dict[str, Any]) -> None:
    done = stepped("\nr 1\nq\nnever read", summary["file"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("The replay equals the recorded run (complete run): ")
    assert [heading[0] for heading in HEADING.findall(done.stdout)] == ["lab", "lab", TEAM]
    assert stepped("", summary["file"]).exit_code == 0, "end of input quits"
    refused = stepped("", summary["file"], "--json")
    assert (refused.exit_code, "one of them" in refused.stderr) == (2, True)


def test_run_without_events_has_no_steps(summary: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    with RunReader.open(Path(summary["file"])) as file:
        scenario = file.info().scenario
    RunWriter.create(path, run_id="empty", version="0", seed=7, scenario=scenario).close()
    done = stepped("\n", str(path))
    assert (done.exit_code, done.exception) == (0, None), done.output
    assert "This run has no events yet." in done.stdout
