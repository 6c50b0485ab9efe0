"""Tests of `aarlab show`: order, shortening, and untrusted text."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from rich.console import Console, Group

from aarlab.cli.show.conversation import conversation
from aarlab.cli.show.display_options import DisplayOptions, find_agent
from aarlab.cli.show.layout import Indented, WrappedText
from aarlab.cli.show.values import render_value
from aarlab.config import ConfigError
from aarlab.config.run_lookup import find_run, new_run_path
from aarlab.graph.structure.structure import Structure
from aarlab.memory import measures
from aarlab.memory.events import (
    AgentSetup,
    Borrowed,
    Decision,
    Evaluation,
    ModelCall,
    NotebookEntry,
    OversightDecision,
    Prompted,
    Published,
    ReferenceChosen,
    ReviewDecision,
    RoundStarted,
    RunClosed,
    ToolExecution,
)
from aarlab.memory.message_edit import MessageEdit
from aarlab.memory.messages import Message, Text, Thinking, ToolCall, ToolResult, user_message
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter

Aarlab = Callable[..., Result]


def printed(*parts: Any, width: int = 100) -> str:
    """Return the output to a pipe."""
    console = Console(width=width, force_terminal=False, color_system=None)
    with console.capture() as capture:
        for part in parts:
            console.print(part, crop=False)
    return capture.get()


@pytest.fixture
def run_file(tmp_path: Path) -> RunWriter:
    """Return a run in which r1 is set up, receives a message, replies and calls a tool."""
    file = RunWriter.create(tmp_path / "talk.db", run_id="talk", version="0", seed=1, scenario={})
    say = file.store_message
    use = ToolCall("u1", "run_experiment", {"path": "m.py", "fidelity": "pilot"})
    answer = ToolResult("u1", json.dumps({"experiment": "r1.e1", "pgr": 0.3125, "log": []}))
    brief = AgentSetup(
        "researcher", "simulated/researcher", file.store_text("You are r1."), file.store_text("[]"), "Look inside."
    )
    file.append("team", RoundStarted(4.0), round=1, hours=0.0)
    file.append("r1", brief, round=0, hours=0.0)
    file.append("r1", Prompted("researcher", say(user_message("## Round 1 of 1"))), round=1, hours=0.0)
    reply = say(Message("assistant", (Text("A pilot first."), use)))
    file.append("r1", ModelCall("researcher", "m", "h", reply, "tool_use", 1200, 34, 0.5, 0.1), round=1, hours=0.1)
    file.append("r1", ToolExecution("u1", "run_experiment", True, "pilot of m.py: PGR 0.31", 0.25), round=1, hours=0.35)
    file.append("r1", Prompted("researcher", say(Message("user", (answer,)))), round=1, hours=0.35)
    return file


def test_conversation_is_in_chronological_order(run_file: RunWriter) -> None:
    page = printed(*conversation(run_file, "r1", None, DisplayOptions()))
    in_order = [
        "setup", "r1 is set up", "direction: Look inside.", "You are r1.", "round 1", "r1 receives", "Round 1 of 1",
        "r1 replies", "A pilot first.", "▸ run_experiment", "path m.py · fidelity pilot", "run_experiment returns",
        "experiment r1.e1 · pgr 0.3125",
    ]  # fmt: skip
    places = [page.find(words) for words in in_order]
    assert -1 not in places, page
    assert places == sorted(places)


def test_hours_and_costs_are_in_the_headings(run_file: RunWriter) -> None:
    page = printed(*conversation(run_file, "r1", None, DisplayOptions()))
    assert "0.1 h  r1 replies  (r1:2, 0.1 h, 1,200 tokens in, 34 out, $0.5000)" in page
    assert MessageEdit.of(run_file, "r1", 2, "Two pilots.").message.text == "Two pilots."
    assert "0.3 h  run_experiment returns  (0.2 h)" in page


def test_round_option_limits_the_conversation(run_file: RunWriter) -> None:
    assert "r1 replies" not in printed(*conversation(run_file, "r1", 0, DisplayOptions()))
    assert "is set up" not in printed(*conversation(run_file, "r1", 1, DisplayOptions()))
    assert "r1 has no events in round 5." in printed(*conversation(run_file, "r1", 5, DisplayOptions()))


def test_tool_call_without_result_is_shown(run_file: RunWriter) -> None:
    reply = run_file.store_message(Message("assistant", (ToolCall("u2", "submit", {"finding": "r1.f1"}),)))
    run_file.append("r1", ModelCall("researcher", "m", "h", reply, "tool_use", 0, 0, None, 0.1), round=1, hours=0.45)
    assert "▸ submit" in printed(*conversation(run_file, "r1", None, DisplayOptions()))


def test_structure_and_reviewer_are_named(run_file: RunWriter) -> None:
    run_file.append("r1", Decision("next_step", "smoke", "structure"), round=1, hours=0.4)
    run_file.append("r1", Decision("idea", "m.py", "agent"), round=1, hours=0.4)
    run_file.append("r1", ToolExecution("lab-1", "run_experiment", True, "smoke of m.py ran", 0.1), round=1, hours=0.5)
    run_file.append("r1", ReviewDecision("c", False, "No pilot yet.", 0.2), round=1, hours=0.7)
    page = printed(*conversation(run_file, "r1", None, DisplayOptions()))
    assert "decision by structure: next step: smoke" in page
    assert "idea: m.py" not in page
    assert "run by the system: run_experiment" in page
    assert "reviewer rejects" in page
    assert "No pilot yet." in page


def test_conversation_starts_with_the_structure(tmp_path: Path) -> None:
    scenario = {"structure": Structure.model_validate("staged").model_dump() | {"option": {"k": {"n": 2, "m": {}}}}}
    file = RunWriter.create(tmp_path / "run.db", run_id="run", version="0", seed=1, scenario=scenario)
    (line,) = printed(*conversation(file, "r1", None, DisplayOptions()), width=400).splitlines()[:1]
    assert line.startswith("structure staged: workflow staged, directions distinct, ")
    assert line.endswith("authority flat, option k=(n=2)")


def test_changed_dials_are_named(tmp_path: Path) -> None:
    structure = Structure.model_validate({"preset": "staged", "review": "gate"}).model_dump()
    file = RunWriter.create(tmp_path / "run.db", run_id="run", version="0", seed=1, scenario={"structure": structure})
    page = printed(*conversation(file, "r1", None, DisplayOptions()), width=400)
    assert page.startswith("structure staged with changed dials: workflow staged, ")


def test_setup_names_the_neighbours(tmp_path: Path) -> None:
    file = RunWriter.create(tmp_path / "run.db", run_id="run", version="0", seed=1, scenario={})
    for name, neighbours in (("r1", ["r2", "r3"]), ("r2", []), ("r3", None)):
        brief = AgentSetup("researcher", "m", file.store_text("Hello."), file.store_text("[]"), None, neighbours)
        file.append(name, brief, round=0, hours=0.0)
    one, two, three = (printed(*conversation(file, name, None, DisplayOptions())) for name in ("r1", "r2", "r3"))
    assert "reads posts of: r2, r3" in one
    assert "reads posts of: none" in two
    assert "reads posts of" not in three


def test_setup_shows_tools_and_start_of_each_section(tmp_path: Path) -> None:
    file = RunWriter.create(tmp_path / "run.db", run_id="run", version="0", seed=1, scenario={})
    system = "You are r1.\n\n## Methods\n\n" + "a line\n\n" * 40 + "## How the work is organised\n\nIn stages.\n"
    tools = file.store_text('[{"name": "read_board"}, {"name": "ask_librarian"}]')
    file.append("r1", AgentSetup("researcher", "m", file.store_text(system), tools, None), round=0, hours=0.0)
    page = printed(*conversation(file, "r1", None, DisplayOptions()))
    assert "tools: read_board, ask_librarian" in page
    assert "more lines (--full)" in page
    assert "In stages." in page


def test_other_events_show_their_fields(run_file: RunWriter) -> None:
    recipe = run_file.store_text("Flour.\nWater.")
    scored = Evaluation("r1.e1", "final", recipe, 8, None, None, None, None, None)
    run_file.append("team", scored, round=1, hours=1.0)
    run_file.append("team", OversightDecision("release", ["r1.f1", "r2.f1"], "Go on."), round=1, hours=1.0)
    page = printed(*conversation(run_file, "team", None, DisplayOptions()))
    assert "  1.0 h  evaluation  subject r1.e1 · panel final · worlds 8 · code Flour.\n" in page
    assert "  1.0 h  oversight decision  action release · findings r1.f1, r2.f1 · note Go on.\n" in page
    assert "Water." in printed(*conversation(run_file, "team", None, DisplayOptions(full=True)))


def test_events_shown_by_messages_are_not_repeated(run_file: RunWriter) -> None:
    before = printed(*conversation(run_file, "r1", None, DisplayOptions()))
    run_file.append("r1", Borrowed("r2.f1", "borrowed/r2.f1.py"), round=1, hours=0.4)
    run_file.append("r1", NotebookEntry("Remember."), round=1, hours=0.4)
    assert printed(*conversation(run_file, "r1", None, DisplayOptions())) == before


def test_events_of_the_team_can_be_shown(run_file: RunWriter) -> None:
    run_file.append("team", Published("r1.f1"), round=1, hours=4.0)
    run_file.append("team", ReferenceChosen("library", "baseline:bagging", 37, 74.0), round=2, hours=4.0)
    run_file.append("team", RunClosed(None, 1.5), round=2, hours=4.0)
    page = printed(*conversation(run_file, find_agent(run_file, "team"), None, DisplayOptions()))
    assert "published  finding r1.f1" in page
    assert "─ close ─" in page
    assert "baseline:bagging" in page
    assert "closed  (1.5 h)" in page


def test_side_calls_are_shown_in_full_only(run_file: RunWriter) -> None:
    asked = run_file.store_message(user_message("May r1 run this?"))
    reply = run_file.store_message(Message("assistant", (Text("It may."),)))
    run_file.append("r1", Prompted("reviewer", asked), round=1, hours=0.5)
    run_file.append("r1", ModelCall("reviewer", "m", "h", reply, "end", 0, 0, None, 0.2), round=1, hours=0.7)
    assert "It may." not in printed(*conversation(run_file, "r1", None, DisplayOptions()))
    full = printed(*conversation(run_file, "r1", None, DisplayOptions(full=True)))
    assert "reviewer receives" in full
    assert "reviewer replies" in full
    assert "It may." in full


def test_decisions_are_counted_by_kind_and_taker(aarlab: Aarlab, summary: dict[str, Any]) -> None:
    page = aarlab("show", summary["file"]).stdout.partition("\nDecisions")[2]
    file = RunReader.open(Path(summary["file"]))
    for (kind, _), count in measures.decisions(file).items():
        row = next(line for line in page.splitlines() if line.strip().startswith(kind.replace("_", " ")))
        assert str(count) in row.split()
        assert f"{100 * summary['autonomy_by_kind'][kind]:.0f} %" in row
    assert "Realised autonomy by round (0 is the setup): 0 % in 0, 100 % in 1–3." in page


def test_agents_are_found_by_name_and_number(run_file: RunWriter) -> None:
    assert find_agent(run_file, "r1") == find_agent(run_file, "1") == "r1"
    with pytest.raises(ConfigError, match="no such agent"):
        find_agent(run_file, "r2")


def test_agent_text_cannot_control_the_terminal() -> None:
    hostile = {"body": "\x1b]0;owned\x07\x1b[2J\x9b31m [bold]red[/] \u202etxt.exe"}
    page = printed(render_value(hostile, DisplayOptions()))
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(page)
    assert "[bold]red[/]" in page


def test_long_values_are_shortened_by_default() -> None:
    value = {"text": "\n".join(f"line {i}" for i in range(50)), "rows": [{"x": i} for i in range(50)]}
    short, full = (
        printed(render_value(value, DisplayOptions())),
        printed(render_value(value, DisplayOptions(full=True))),
    )
    assert "line 9" in short
    assert "line 10" not in short
    assert "… 40 more lines (--full)" in short
    assert "… 42 more rows (--full)" in short
    assert "line 49" in full
    assert "--full" not in full


def test_numbers_take_few_lines() -> None:
    page = printed(render_value({"by_world": [i / 64 for i in range(64)]}, DisplayOptions()))
    assert "0, 0.01562, 0.03125, " in page
    assert "… 44 more items (--full)" in page
    assert len(page.splitlines()) < 8


def test_records_are_a_table_if_it_fits() -> None:
    log = [{"operator": "start", "agreement": 1.0, "kept": 1.0}, {"operator": "harden", "agreement": 0.75, "kept": 1.0}]
    wide = printed(render_value(log, DisplayOptions(width=100)))
    narrow = printed(render_value(log, DisplayOptions(width=40)), width=40)
    assert "operator  agreement  kept" in wide
    assert "- operator start" in narrow


def test_nested_values_are_not_cut_off() -> None:
    log = [{"operator": f"op{i}", "agreement": 0.123, "balance": 0.456, "entropy": 0.789} for i in range(3)]
    deep = {"new": [{"finding": "r1.f1", "outer": {"text": "x\n" * 3, "inner": {"body": "y\n" * 3, "log": log}}}] * 2}
    for width in range(50, 80):
        # Conversations are indented by nine columns.
        page = printed(render_value(deep, DisplayOptions(width=width)), width=width - 9)
        assert page.count("0.789") == 6
        assert "…" not in page


def test_code_is_highlighted_on_terminals_only() -> None:
    value = {"code": "def method(world):\n    return world.test\n"}
    console = Console(width=80, force_terminal=True, color_system="standard")
    with console.capture() as capture:
        console.print(render_value(value, DisplayOptions()))
    assert "\x1b[" in capture.get()
    assert "\x1b[" not in printed(render_value(value, DisplayOptions()))


def test_show_prints_overview_and_next_commands(aarlab: Aarlab, summary: dict[str, Any]) -> None:
    done = aarlab("show", summary["file"])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(f"{summary['run_id']}  done\n")
    assert "held-out worlds" in done.stdout
    assert f"aarlab show {summary['file']} --agent" in done.stdout.partition("\nNext\n")[2]
    assert "Team\n" not in done.stdout.partition("\nNext\n")[2], "the next commands are at the end"
    assert "\x1b" not in done.stdout


def test_folder_means_its_newest_run(aarlab: Aarlab, summary: dict[str, Any]) -> None:
    folder = str(Path(summary["file"]).parent)
    assert aarlab("show", folder).stdout.splitlines()[0] == f"{summary['run_id']}  done"


def test_conversation_as_json(aarlab: Aarlab, summary: dict[str, Any]) -> None:
    output = json.loads(aarlab("show", summary["file"], "--agent", "1", "--round", "1", "--json").stdout)
    assert output["agent"] == "r1"
    assert {event["round"] for event in output["events"]} == {1}
    spoken = [event for event in output["events"] if event["kind"] == "model_calls"]
    assert all(event["content"]["role"] == "assistant" for event in spoken)


def test_run_is_found_by_the_start_of_its_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("quick-seed1-a", "quick-seed2-b"):
        RunWriter.create(Path("runs") / f"{name}.db", run_id=name, version="0", seed=1, scenario={}).close()
    Path("runs/notes.db").write_text("no run")
    assert find_run("quick-seed2") == Path("runs/quick-seed2-b.db")
    assert find_run(None) == find_run("runs")
    with pytest.raises(ConfigError, match="2 runs start with this id"):
        find_run("quick")
    with pytest.raises(ConfigError, match="did you mean quick-seed2-b"):
        find_run("quick-seed3-b")


def test_new_run_paths_are_unique(tmp_path: Path) -> None:
    assert len({new_run_path(tmp_path, "quick", 1) for _ in range(20)}) == 20


MEGABYTES = 2_000_000


@pytest.mark.parametrize("place", ["argument", "result", "reply", "message", "thinking"])
@pytest.mark.parametrize(
    "text", ["x" * MEGABYTES, json.dumps(list(range(300_000))), json.dumps({f"k{i}": i for i in range(120_000)})],
    ids=["line", "list", "object"],
)  # fmt: skip
def test_megabytes_are_shortened(tmp_path: Path, place: str, text: str) -> None:
    texts = dict.fromkeys(("argument", "result", "reply", "message", "thinking"), "short") | {place: text}
    with RunWriter.create(tmp_path / "large.db", run_id="large", version="0", seed=1, scenario={}) as file:
        use = ToolCall("u1", "write_file", {"text": texts["argument"]})
        answer = Message("user", (ToolResult("u1", texts["result"]),))
        thinking = Thinking(texts["thinking"], "")
        reply = file.store_message(Message("assistant", (thinking, Text(texts["reply"]), use)))
        prompt = file.store_message(user_message(texts["message"]))
        file.append("r1", Prompted("researcher", prompt), round=1, hours=0.0)
        file.append("r1", ModelCall("researcher", "m", "h", reply, "tool_use", 1, 1, 0.5, 0.1), round=1, hours=0.1)
        file.append("r1", Prompted("researcher", file.store_message(answer)), round=1, hours=0.35)
        page = printed(*conversation(file, "r1", None, DisplayOptions()))
    assert len(page) < 60_000
    assert place == "thinking" or re.search(r"… [0-9]+ more (characters|items|fields) \(--full\)", page)


def test_full_shows_every_character_of_a_long_line() -> None:
    line = "".join(f"{i:07}" for i in range(10_000))
    page = printed(render_value({"text": line}, DisplayOptions(full=True)), width=80)
    assert "".join(page.split()).removeprefix("text:") == line


def test_the_leaderboard_marks_known_methods(aarlab: Aarlab, summary: dict[str, Any]) -> None:
    page = aarlab("show", summary["file"], "--full", "--width", "200").stdout
    marked = [line for line in page.splitlines() if "known method " in line and line.lstrip().startswith("lab.f")]
    assert len(marked) == 4, "the opening"
    assert "known method vanilla_hard: " in page


def test_long_text_is_indented_at_each_level_and_wrapped() -> None:
    text = Indented(Group(WrappedText("ab\n\n" + "c" * 10), Indented(WrappedText("d"), 2)), 4)
    assert printed(text, width=10) == "    ab\n\n    cccccc\n    cccc\n      d\n"
