"""`aarlab list`, selections of `aarlab show`, and completion in the shell."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aarlab.cli.main import main
from aarlab.memory.run_reader import RunReader

Aarlab = Callable[..., Result]


@pytest.fixture
def runs(aarlab: Aarlab, tmp_path: Path, summary: dict[str, Any]) -> Path:
    """Return the folder ./runs with two runs and a file that is none, beside an ablation."""
    folder = tmp_path / "runs"
    folder.mkdir()
    for name in ("first", "second"):
        shutil.copy(summary["file"], folder / f"{name}.db")
    (folder / "notes.db").write_text("no run")
    (tmp_path / "ablations" / "pair" / "runs").mkdir(parents=True)
    (tmp_path / "ablations" / "pair" / "ablation.yaml").write_text("name: pair\n")
    shutil.copy(summary["file"], tmp_path / "ablations" / "pair" / "runs" / "free-seed1.db")
    return folder


def test_list_shows_runs_and_ablations_newest_first(aarlab: Aarlab, runs: Path, summary: dict[str, Any]) -> None:
    later = "UPDATE runs SET created_at = '2999-01-01T00:00:00+00:00'"

    connection = sqlite3.connect(runs / "second.db")
    connection.execute(later)
    connection.commit()
    connection.close()
    for arguments in ((), (str(runs.parent),)):
        output = json.loads(aarlab("list", *arguments, "--json").stdout)
        assert [run["id"] for run in output["runs"]] == ["second", "first"]
        assert output["runs"][0]["pgr"] == summary["heldout"]["pgr"]
        assert [(one["name"], one["finished"]) for one in output["ablations"]] == [("pair", 1)]
    page = aarlab("list").stdout
    assert page.index("second") < page.index("first") < page.index("ablations/pair")
    assert max(map(len, page.splitlines())) <= 100


def test_a_run_file_that_cannot_be_read_is_named(aarlab: Aarlab, runs: Path) -> None:
    with closing(sqlite3.connect(runs / "second.db")) as connection, connection:
        connection.execute("CREATE TABLE other (x)")
    with closing(sqlite3.connect(runs / "other_program.db")) as connection, connection:
        connection.execute("CREATE TABLE other (x)")
    output = json.loads(aarlab("list", "--json").stdout)
    assert [(run["id"], run["status"]) for run in output["runs"]] == [("second", "damaged"), ("first", "done")]
    report = aarlab("report", "runs")
    assert report.exit_code == 2
    assert "second.db was altered: its table 'other'" in " ".join(report.stderr.split())


def test_list_of_an_empty_or_missing_folder_says_so(aarlab: Aarlab) -> None:
    assert "aarlab run" in aarlab("list").stdout
    missing = aarlab("list", "nowhere")
    assert (missing.exit_code, "no such folder" in missing.stderr) == (2, True)


def test_a_finding_is_shown_with_its_code(aarlab: Aarlab, summary: dict[str, Any]) -> None:
    best = summary["best"]["finding"]
    finding = json.loads(aarlab("show", summary["file"], "--finding", best, "--json").stdout)
    assert finding["id"] == best
    page = aarlab("show", summary["file"], "--finding", best, "--full").stdout
    assert all(line.strip() in page for line in finding["code_text"].splitlines())
    unknown = aarlab("show", summary["file"], "--finding", f"{best}0")
    assert (unknown.exit_code, "no such finding" in unknown.stderr) == (2, True)


def test_reviews_are_shown_or_their_absence_explained(aarlab: Aarlab, tiny: list[str], summary: dict[str, Any]) -> None:
    assert "structure.review=none" in aarlab("show", summary["file"], "--reviews").stdout
    reviewed = json.loads(aarlab("run", "--json", "--quiet", *tiny, "--set", "structure.review=gate").stdout)
    reviews = json.loads(aarlab("show", reviewed["file"], "--reviews", "--json").stdout)["reviews"]
    page = aarlab("show", reviewed["file"], "--reviews").stdout
    assert reviews
    assert page.startswith(f"{len(reviews)} reviews, {sum(one['approved'] for one in reviews)} approved\n")


def test_search_finds_a_text_in_tool_calls_and_results(aarlab: Aarlab, summary: dict[str, Any]) -> None:
    with RunReader.open(Path(summary["file"])) as file:
        agent = file.researchers()[0]
    matches = json.loads(aarlab("show", summary["file"], "--search", "FIDELITY", "--json").stdout)["matches"]
    assert {"receives", "replies"} <= {match["speaker"] for match in matches}
    assert all("fidelity" in match["excerpt"].lower() for match in matches)
    options = ("--search", "fidelity", "--agent", agent, "--round", "1", "--json")
    some = json.loads(aarlab("show", summary["file"], *options).stdout)["matches"]
    assert some == [match for match in matches if (match["agent"], match["round"]) == (agent, 1)]
    assert "No message contains" in aarlab("show", summary["file"], "--search", "no such words").stdout


@pytest.mark.parametrize(
    "options", [("--reviews", "--agent", "r1"), ("--finding", "x", "--search", "y"), ("--search", "")]
)
def test_selections_exclude_each_other(aarlab: Aarlab, summary: dict[str, Any], options: tuple[str, ...]) -> None:
    done = aarlab("show", summary["file"], *options)
    assert done.exit_code == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("aarlab show fi", "first"), ("aarlab resume sec", "second"), ("aarlab structure st", "staged"),
        ("aarlab ablate auto", "autonomy"), ("aarlab run --set structure=sta", "structure=staged"),
        ("aarlab run quick", "quickstart"), ("aarlab li", "list"),
        # So does Bash split and replace it.
        ("aarlab run --set structure = sta", "staged"), ("aarlab run --set structure =", "staged"),
    ],
)  # fmt: skip
def test_the_shell_completes_runs_presets_and_names(runs: Path, words: str, expected: str) -> None:
    count = len(words.split()) - 1
    environment = {"_AARLAB_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    completed = CliRunner().invoke(main, prog_name="aarlab", env=environment)
    assert f"plain,{expected}" in completed.stdout.splitlines()
