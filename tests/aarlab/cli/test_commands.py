"""Tests of the command line: output, exit statuses and files."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from altered_run import alter
from click.testing import Result

from aarlab.cli.main import COMMANDS
from aarlab.graph.structure.structure import PRESETS
from aarlab.memory.run_reader import RunReader

Done = subprocess.CompletedProcess[str]
Process = Callable[..., Done]
Aarlab = Callable[..., Result]


def test_run_prints_only_one_json_object_on_stdout(tiny_run: Done) -> None:
    (line,) = tiny_run.stdout.splitlines()
    assert isinstance(json.loads(line), dict)
    assert "round 1 of 3" in tiny_run.stderr


def test_summary_has_all_documented_keys(summary: dict[str, Any]) -> None:
    promised = {
        "run_id", "file", "task", "structure", "model", "seed", "rounds", "hours", "cost_usd", "findings", "borrows",
        "critiques", "experiments", "evaluations", "best", "heldout", "references", "entropy_bits", "realised_autonomy",
        "digest", "wall_clock_s", "status",
    }  # fmt: skip
    assert promised <= summary.keys()
    assert summary["status"] == "done"
    assert summary["best"].keys() >= {"finding", "title", "family", "pgr", "se"}
    assert summary["heldout"].keys() >= {"pgr", "se", "worlds"}
    assert all(reference.keys() >= {"name", "pgr", "hours"} for reference in summary["references"].values())
    assert (summary["task"], summary["seed"], summary["rounds"]) == ("chat", 7, 3)


def test_summary_names_the_run_file(summary: dict[str, Any]) -> None:
    path = Path(summary["file"])
    assert path.is_absolute()
    assert path.stem == summary["run_id"]
    with RunReader.open(path) as file:
        assert file.info().status == "done"
        assert file.digest() == summary["digest"]


def test_run_file_opens_with_plain_sqlite(summary: dict[str, Any]) -> None:
    with sqlite3.connect(summary["file"]) as connection:
        (count,) = connection.execute("SELECT count(*) FROM findings WHERE author <> 'lab'").fetchone()
    assert count == summary["findings"]


@pytest.mark.parametrize("command", [("models",), ("structure",), ("structure", "staged"), ("validate",)], ids=" ".join)
def test_json_option_prints_one_object(aarlab: Aarlab, command: tuple[str, ...]) -> None:
    done = aarlab(*command, "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert isinstance(json.loads(line), dict)


def test_bad_input_with_json_prints_one_object(aarlab: Aarlab) -> None:
    done = aarlab("run", "--json", "--set", "budget.hours=-1")
    assert done.exit_code == 2
    output = json.loads(done.stdout)
    (fault,) = output["faults"]
    assert (output["status"], fault["where"], fault["field"]) == ("bad input", "--set budget.hours=-1", "budget.hours")
    assert done.stderr.startswith(
        "--set budget.hours=-1: budget.hours\n  problem   invalid value -1\n  expected  a number greater than 0"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "nowhere.yaml"),
        ("run", "--seed", "many"),
        ("run", "--seed", "-1"),
        ("run", "--set", "task=nonsense"),
        ("run", "--set", "team.model=nobody/knows"),
        ("run", "--set", "nothing=1"),
        ("run", "--sandbox", "soft"),
        ("run", "--out", "/dev/null/runs"),
        ("baselines",),
        ("baselines", "chatt"),
        ("baselines", "chat", "--worlds", "1"),
        ("baselines", "chat", "--worlds", "many"),
        ("baselines", "chat", "--sort", "luck"),
        ("baselines", "chat", "--sandbox", "soft"),
        ("baselines", "chat", "--out", "."),
        ("baselines", "chat", "--out", "nowhere/table.csv"),
        ("baselines", "chat", "--out", "/dev/null/table.csv"),
        ("baselines", "chat", "--set", "task=math"),
        ("baselines", "chat", "--set", "budget.hours=3"),
        ("baselines", "chat", "--set", "task.parameters.lenght_bias=0"),
        ("baselines", "chat", "--set", "task.parameters.length_bias=2"),
        ("tasks", "chess"),
        ("structure", "stagd"),
        ("structure", "--compare", "staged", "autonomus"),
        ("structure", "staged", "--compare", "staged", "reviewed"),
        ("structure", "--set", "structure={sharing: none, topology: ring}"),
        ("structure", "--set", "structure.review=gat"),
        ("validate", "nowhere.yaml"),
        ("show",),
        ("show", "nothing"),
        ("show", "/dev/null"),
    ],
    ids=" ".join,
)
def test_bad_input_exits_with_2_and_writes_no_file(aarlab: Aarlab, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = aarlab(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_show_refuses_other_files(aarlab: Aarlab, tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("these are notes, and they are long enough to be looked at\n" * 20)
    done = aarlab("show", "notes.db")
    assert done.exit_code == 2
    assert "is not a run file" in done.stderr


def test_structure_lists_all_presets(aarlab: Aarlab) -> None:
    assert json.loads(aarlab("structure", "--json").stdout)["presets"].keys() == PRESETS.keys()


def test_compare_shows_only_the_differences(aarlab: Aarlab) -> None:
    output = json.loads(aarlab("structure", "--compare", "autonomous", "reviewed", "--json").stdout)
    assert output["dials"] == {"review": {"autonomous": "none", "reviewed": "gate"}}
    assert "researcher graph: think ⇢ consult" in output["graphs"]["reviewed"]
    assert "researcher graph: think ⇢ act" not in output["graphs"]["reviewed"]
    assert "are the same" in aarlab("structure", "--compare", "staged", "staged").stdout


def test_structure_shows_the_compiled_graph(aarlab: Aarlab) -> None:
    free, gated = aarlab("structure", "autonomous").stdout, aarlab("structure", "reviewed").stdout
    assert "consult" not in free
    assert "⇢ consult" in gated
    assert "```mermaid\n" in aarlab("structure", "staged", "--mermaid").stdout


def test_validate_prints_a_valid_scenario(aarlab: Aarlab, tmp_path: Path) -> None:
    settings = ("--set", "structure.review=gate", "--set", "budget={hours: 8, round_hours: 4}")
    first = json.loads(aarlab("validate", "--json", *settings).stdout)["scenario"]
    text, output = aarlab("validate", *settings).stdout.rstrip().rsplit("\n", 1)
    assert output.startswith("Valid: 9 researchers on chat, 8 research hours each in 2 rounds.")
    (tmp_path / "again.yaml").write_text(text)
    assert json.loads(aarlab("validate", "again.yaml", "--json").stdout)["scenario"] == first


def test_help_imports_no_heavy_package() -> None:
    code = (
        "import sys; sys.argv = ['aarlab', '--help']; import aarlab.cli.main as cli\n"
        "cli.main(standalone_mode=False)\n"
        "print(sorted({'numpy', 'sklearn', 'langgraph', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_line_is_the_first_line_of_the_command(name: str) -> None:
    location, help_line = COMMANDS[name]
    command = resolve_name(location)
    assert (command.name, command.help.splitlines()[0]) == (name, help_line)


@pytest.mark.parametrize("name", ["run", "fork", "ablate"])
def test_help_cuts_no_option_in_80_columns(aarlab: Aarlab, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = aarlab(name, "--help").stdout
    options = [option for parameter in resolve_name(COMMANDS[name][0]).params for option in parameter.opts]
    assert [option for option in options if option.startswith("--") and option not in page] == []
    assert "value: PATH=VALUE" in page


def test_unknown_command_is_bad_input(aarlab: Aarlab) -> None:
    done = aarlab("rnu")
    assert done.exit_code == 2
    assert "No such command" in done.stderr


@pytest.mark.long
def test_seed_determines_the_digest(process: Process, tiny: list[str], summary: dict[str, Any]) -> None:
    pairs = [tiny[i : i + 2] for i in range(0, len(tiny), 2)]
    reordered = [part for pair in reversed(pairs) for part in pair]
    quietly = process("run", "--json", "--quiet", "--set", "seed=7", *reordered)
    assert quietly.stderr == "", "--quiet with --json prints nothing on stderr"
    repeated = json.loads(quietly.stdout)
    assert repeated["digest"] == summary["digest"]
    same = ("best", "heldout", "references", "findings", "entropy_bits", "realised_autonomy", "hours")
    assert {key: repeated[key] for key in same} == {key: summary[key] for key in same}
    assert repeated["file"] != summary["file"]


def test_killed_run_can_be_shown(aarlab: Aarlab, summary: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    shutil.copy(summary["file"], path)
    # What a kill leaves; tests/graph/test_run_status.py kills a run.
    alter(path, "DELETE FROM events WHERE id > 60", "UPDATE runs SET status = 'running', summary = NULL")
    output = aarlab("show", str(path))
    assert output.exit_code == 0, output.stderr
    assert "Not closed: round" in output.stdout
    assert "round 1" in aarlab("show", str(path), "--agent", "1").stdout


def test_png_needs_graphviz(aarlab: Aarlab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / "staged.png"
    if shutil.which("dot") is not None:
        assert aarlab("structure", "staged", "--png", str(picture)).exit_code == 0
        assert picture.read_bytes().startswith(b"\x89PNG")
        picture.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    done = aarlab("structure", "staged", "--png", str(picture))
    assert (done.exit_code, picture.exists()) == (2, False)
    assert "apt-get install graphviz" in done.stderr
