"""Tests of the progress displays: all sizes of teams and screens, with and without a terminal."""

import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from aarlab.cli.run_display import LiveDisplay, PlainDisplay, open_display, render, scenario_line, sparkline
from aarlab.cli.run_progress import TeamProgress
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import (
    AgentSetup,
    Evaluation,
    Event,
    Experiment,
    LogEntry,
    ModelCall,
    RoundStarted,
    RunClosed,
    ToolExecution,
)


def scenario(researchers: int = 2) -> Scenario:
    return load_scenario(None, [f"team.researchers={researchers}", "budget={hours: 8, round_hours: 4}"])


def event_log(researchers: int = 2) -> Iterator[LogEntry]:
    """Yield the events of a run in which researcher i reaches PGR i / 1000."""
    events: list[tuple[str, Event, int, float]] = [("team", RoundStarted(4.0), 1, 0.0)]
    names = [f"r{i}" for i in range(1, researchers + 1)]
    events += [(name, AgentSetup("researcher", "m", "", "", f"Direction of {name}\x1b[2J"), 0, 0.0) for name in names]
    for i, name in enumerate(names, start=1):
        events.append((name, ModelCall("researcher", "m", "", "", "tool_use", 1, 1, 0.25, 0.1), 1, 0.1))
        events.append((name, Experiment(f"{name}.e1", "m.py", "c", "full", None, i / 1000, 0.01, []), 1, 2.1))
        events.append((name, ToolExecution("u", "run_experiment", True, "full of m.py", 2.0), 1, 2.1))
    events.append(("team", RoundStarted(8.0), 2, 0.0))
    events.append(("team", Evaluation("r1.f1", "final", "c", 2, 0.1, 0.1, 0.6, 0.5, 0.9), 3, 0.0))
    events.append(("team", RunClosed(None, 0.0), 3, 0.0))
    for id_, (stream, event, round_, hours) in enumerate(events, start=1):
        yield LogEntry(id_, stream, id_, round_, hours, event, "")


def rendered(researchers: int, columns: int, rows: int) -> str:
    run_progress = TeamProgress()
    for entry in event_log(researchers):
        run_progress.handle_event(entry)
    console = Console(width=columns, height=rows, file=StringIO())
    with console.capture() as capture:
        console.print(render(run_progress, scenario(researchers), (columns, rows), ("pretraining", 0.5)))
    return capture.get()


@pytest.mark.parametrize("researchers", [1, 9, 200])
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 50), (40, 12)])
def test_every_team_fits_every_screen(researchers: int, columns: int, rows: int) -> None:
    lines = rendered(researchers, columns, rows).splitlines()
    assert len(lines) <= rows + 3
    assert all(len(line) <= columns for line in lines)


def test_small_screen_shows_the_best_researchers() -> None:
    page = rendered(200, 80, 24)
    assert "r200" in page
    assert "more with a lower best" in page


def test_display_shows_progress_and_best_pgr() -> None:
    page = rendered(2, 120, 40)
    assert "round 2 of 2" in page
    assert "best 0.00 ± 0.01 by r2" in page
    assert "2 experiments, 1 evaluation, $0.50" in page
    assert " full of m.py" in page
    assert "\x1b" not in page


def test_title_of_80_columns_has_the_seed_and_slow_steps_are_not_cut() -> None:
    console = Console(width=80, file=StringIO())
    with console.capture() as capture:
        step = ("scoring the winner on shifted worlds", 0.5)
        console.print(render(TeamProgress(), scenario(9), (80, 24), step))
    text = " ".join(capture.get().split())
    assert text.startswith(scenario_line(scenario(9)))
    assert step[0] in text


def test_plain_display_prints_one_line_per_round() -> None:
    out = StringIO()
    console = Console(file=out, width=80)
    with open_display(scenario(), console) as display:
        assert isinstance(display, PlainDisplay)
        for share in (0.0, 0.5, 1.0):
            display.progress("pretraining", share)
        for entry in event_log():
            display.handle_event(entry)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("quickstart: 2 researchers (simulated/researcher) on chat, structure autonomous, seed 1")
    assert lines[1] == "pretraining ..."
    assert [line.split(":")[0] for line in lines[2:]] == ["round 1 of 2", "round 2 of 2"]
    assert "best PGR 0.00 ± 0.01 (r2)" in lines[2]


def test_unknown_price_makes_the_cost_unknown() -> None:
    run_progress = TeamProgress()
    for entry in event_log():
        run_progress.handle_event(entry)
    call = ModelCall("researcher", "m", "", "", "tool_use", 1, 1, None, 0.1)
    run_progress.handle_event(LogEntry(99, "r1", 99, 2, 3.0, call, ""))
    assert run_progress.cost_usd is None


@given(st.lists(st.tuples(st.floats(0, 24), st.floats(-2, 1)), max_size=12), st.integers(1, 60))
def test_sparkline_never_decreases(points: list[tuple[float, float]], cells: int) -> None:
    line = sparkline(points, 24.0, cells)
    assert len(line) == (cells if points else 0)
    heights = [" ▁▂▃▄▅▆▇█".index(bar) for bar in line]
    assert heights == sorted(heights)


def test_live_display_restores_the_cursor() -> None:
    assert isinstance(open_display(scenario(), Console(force_terminal=True, file=StringIO())), LiveDisplay)
    master, slave = pty.openpty()
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_run_display import scenario, event_log\n"
        "from rich.console import Console\n"
        "from aarlab.cli.run_display import open_display\n"
        "with open_display(scenario(9), Console(stderr=True)) as display:\n"
        "    display.progress('pretraining', 0.5)\n"
        "    for entry in event_log(9): display.handle_event(entry)\n"
    )
    command = [sys.executable, "-c", code, os.path.dirname(__file__)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    running = subprocess.Popen(command, stderr=slave, stdout=subprocess.DEVNULL, stdin=slave, env=environment)
    os.close(slave)
    screen = b""
    while select.select([master], [], [], 60)[0]:
        try:
            screen += os.read(master, 65536)
        except OSError:
            break
    os.close(master)
    assert running.wait(timeout=240) == 0, screen.decode()
    assert b"researcher" in screen
    assert screen.rfind(b"\x1b[?25h") > screen.rfind(b"\x1b[?25l") >= 0
