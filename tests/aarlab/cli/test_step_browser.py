"""`aarlab replay --step`: a walk through a run, as a person takes it."""

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

HEADING = re.compile(r"─ (\S+), (?:round (\d+)|briefing) · step ([\d,]+) of ([\d,]+) ─")


@pytest.fixture
def file(summary: dict[str, Any]) -> Any:
    """A finished run, open."""
    with RunReader.open(Path(summary["file"])) as file:
        yield file


@pytest.fixture
def walk(file: RunWriter) -> Callable[..., str]:
    """One walk through the finished run."""
    return walk_through(file)


def walk_through(file: RunWriter) -> Callable[..., str]:
    """Return a walk; called with commands, it returns what the last of them shows."""
    walk, console = StepBrowser(file, DisplayOptions()), Console(width=100, force_terminal=False, color_system=None)

    def handle_command(*commands: str) -> str:
        shown = ""
        for command in commands:
            with console.capture() as capture:
                for part in walk.handle_command(command):
                    console.print(part, crop=False)
            shown = capture.get()
        return shown

    return handle_command


def where(shown: str) -> tuple[str, int, int]:
    """Return agent, round and number of the step that is shown."""
    (found,) = HEADING.findall(shown)
    return found[0], int(found[1] or 0), int(found[2].replace(",", ""))


def test_the_steps_of_a_run_are_its_events_each_once_and_in_order(file: RunWriter) -> None:
    places: dict[str, list[int]] = {}
    for step in agent_steps(file):
        places.setdefault(step.stream, []).extend(range(step.first, step.last + 1))
    lengths = {stream: sum(1 for _ in file.entries(stream=stream)) for stream in file.streams()}
    assert places == {stream: list(range(length)) for stream, length in lengths.items()}


def test_a_step_of_a_researcher_is_one_thought_and_all_that_comes_of_it(file: RunWriter) -> None:
    for step in agent_steps(file):
        events = [entry.event for entry in file.stream_range(step.stream, step.first, step.last)]
        if step.stream == TEAM:
            assert len({type(event) for event in events}) == 1
            continue
        thoughts = [event for event in events if isinstance(event, ModelCall) and event.role == "researcher"]
        assert len(thoughts) <= 1
        uses = {use.id for call in thoughts for use in file.message(call.reply).tool_calls}
        assert uses == {event.tool_call_id for event in events if isinstance(event, ToolExecution)}
        told = [file.message(event.message) for event in events if isinstance(event, Prompted)]
        assert uses == {result.tool_call_id for message in told for result in message.tool_results}


def test_on_and_back_are_each_others_undoing(walk: Callable[..., str]) -> None:
    third = walk("n", "", "")
    assert where(third)[2] == 4
    assert walk("n 5", "b 5") == third
    assert walk("b", "n") == third
    assert "This is the beginning of the run." in walk("b 1000", "b")
    assert "This is the end of the run." in walk("n 100000", "n")


def test_one_agent_can_be_followed_and_a_round_gone_to(walk: Callable[..., str]) -> None:
    assert where(walk("a r2", "r 2"))[:2] == ("r2", 2)
    on = [where(walk(""))[0] for _ in range(4)]
    assert on == ["r2"] * 4
    assert where(walk("a", "r 2"))[:2] == (TEAM, 2)
    assert "Nothing happened in round 99" in walk("r 99")
    assert "no such agent" in walk("a r77")


def test_a_tool_call_is_opened_whole(walk: Callable[..., str], file: RunWriter) -> None:
    first = next(entry for entry in file.entries(Experiment, stream="r1"))
    steps = [step for step in agent_steps(file) if step.stream == "r1"]
    number = next(number for number, step in enumerate(steps) if step.last >= first.ordinal)
    shown = walk("a r1", "r 0", f"n {number}")
    (place,) = re.findall(r"o (\d) run_experiment", shown)
    opened = walk(f"o {place}")
    assert "▸ run_experiment" in opened
    assert "experiment r1.e1" in opened
    assert "(--full)" not in opened
    assert f"This step has {place} tool call" in walk("o 9")
    assert "No tool was used" in walk("r 0", "o")


@pytest.fixture
def borrowing(tmp_path: Path) -> RunWriter:
    """A run in which r2 takes up in its second round what r1 posted in the first."""
    file = RunWriter.create(tmp_path / "borrowing.db", run_id="borrowing", version="0", seed=1, scenario={})

    def thought(stream: str, round_: int, tool: str, *events: Event) -> None:
        use = ToolCall(f"u{round_}", tool, {})
        reply = file.store_message(Message("assistant", (Text(f"I use {tool}."), use)))
        heard = file.store_message(Message("user", (ToolResult(use.id, "{}"),)))
        call = ModelCall("researcher", "m", "h", reply, "tool_use", 1, 1, 0.0, 0.1)
        for event in (call, *events, ToolExecution(use.id, tool, True, "", 0.1), Prompted("researcher", heard)):
            file.append(stream, event, round=round_, hours=float(round_))

    posted = Finding("r1.f1", "r1", "hypothesis", "Look at the margin", "", "other", None, None, None, None, None)
    thought("r1", 1, "post_finding", posted)
    thought("r2", 1, "list_findings")
    thought("r2", 2, "borrow", Borrowed("r1.f1", "borrowed/r1.f1.py"))
    thought("r2", 3, "post_finding", replace(posted, id="r2.f1", author="r2"), Edge("borrows", "r2.f1", "r1.f1", ""))
    return file


@pytest.mark.parametrize("round_", [2, 3])
def test_a_borrowed_idea_leads_to_where_it_was_posted_and_back(borrowing: RunWriter, round_: int) -> None:
    walk = walk_through(borrowing)
    shown = walk(f"r {round_}")
    assert "⤷ r1.f1 “Look at the margin”, which r1 posted in round 1" in shown
    assert "j where it came from" in shown
    origin = walk("j")
    assert where(origin)[:2] == ("r1", 1)
    assert "I use post_finding." in origin
    assert walk("u") == shown
    assert "You have not jumped." in walk("u")
    assert where(walk("j r2.f1"))[:2] == ("r2", 3)
    assert "There is no finding 'r9.f99'" in walk("j r9.f99")
    assert "speaks about no finding" in walk("r 1", "j")


def test_what_cannot_be_done_is_said_and_help_is_there(walk: Callable[..., str]) -> None:
    assert "'fly' is nothing that can be done here" in walk("fly")
    assert "where you jumped from" in walk("?")


def stepped(typed: str, *arguments: str) -> Result:
    """Walk on the command line, with so much typed."""
    return CliRunner().invoke(main, ["replay", "--step", *arguments], input=typed)


def test_a_walk_begins_when_the_replay_has_shown_that_all_is_the_same(summary: dict[str, Any]) -> None:
    done = stepped("\nr 1\nq\nnever read", summary["file"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("The same, to its end: ")
    assert [found[0] for found in HEADING.findall(done.stdout)] == ["r1", "r2", TEAM]
    assert stepped("", summary["file"]).exit_code == 0, "nobody to ask is nobody who wants to go on"
    refused = stepped("", summary["file"], "--json")
    assert (refused.exit_code, "one of the two" in refused.stderr) == (2, True)


def test_a_run_in_which_nothing_has_happened_is_no_way_to_walk(summary: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    with RunReader.open(Path(summary["file"])) as file:
        scenario = file.info().scenario
    RunWriter.create(path, run_id="empty", version="0", seed=7, scenario=scenario).close()
    done = stepped("\n", str(path))
    assert (done.exit_code, done.exception) == (0, None), done.output
    assert "Nothing has happened in this run yet." in done.stdout
