"""`aarlab reproduce`: table, JSON, files, errors."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result


def test_results_are_printed_and_written(aarlab: Callable[..., Result], tmp_path: Path) -> None:
    done = aarlab("reproduce", "mason", "--quick", "--out", "results")
    assert done.exit_code == 0, done.output
    assert "small world minus ring" in done.stdout
    assert "2 of 3 published results reproduced" in done.stdout
    page = (tmp_path / "results" / "reproduce.html").read_text()
    assert page.count("<svg ") == 2
    (reproduction,) = json.loads((tmp_path / "results" / "reproduce.json").read_text())["reproductions"]
    assert [answer["pass"] for answer in reproduction["answers"]] == [True, False, True]


def test_json_holds_published_and_own_figures(aarlab: Callable[..., Result]) -> None:
    output = json.loads(aarlab("reproduce", "mason", "--quick", "--json").stdout)
    assert (output["status"], output["quick"]) == ("done", True)
    answer = output["reproductions"][0]["answers"][0]
    low, high = answer["interval"]
    assert answer["published"] == "below 0"
    assert low < answer["ours"] < high < 0
    assert "uncertain" in answer["note"]


def test_bad_input_is_refused_before_anything_is_computed(aarlab: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for arguments, words in (
        (("zolman",), "did you mean zollman?"),
        (("march", "--out", "file"), "file is not a folder"),
        (("march", "--out", "file/below"), "file is not a folder"),
    ):
        done = aarlab("reproduce", *arguments)
        assert (done.exit_code, words in done.stderr) == (2, True), done.output
    assert json.loads(aarlab("reproduce", "zolman", "--json").stdout)["status"] == "bad input"


def test_help_teaches_the_pass_rule(aarlab: Callable[..., Result]) -> None:
    text = " ".join(aarlab("reproduce", "--help").stdout.split())
    assert "lies inside the 95 % interval" in text
    assert "lazer-friedman" in text
