"""Tests of `aarlab baselines`: table, JSON and CSV."""

import csv
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aarlab.cli.baselines_command import show_table
from aarlab.cli.main import main
from aarlab.scenarios import baselines

Aarlab = Callable[..., Result]
COMMAND = [sys.executable, "-m", "aarlab", "baselines"]


@pytest.fixture(scope="session")
def folder(made_once: Callable[..., Path]) -> Path:
    """Return a folder with what the command prints and the CSV table that it writes."""

    def make(folder: Path) -> None:
        options = ["chat", "--worlds", "2", "--sort", "name", "--json", "--out", str(folder / "table.csv")]
        done = CliRunner().invoke(main, ["baselines", *options])
        assert (done.exit_code, done.stderr) == (0, ""), "there is no progress bar without a terminal"
        (folder / "stdout").write_text(done.stdout)

    return made_once("baselines", make)


@pytest.fixture(scope="session")
def output(folder: Path) -> dict[str, Any]:
    (line,) = (folder / "stdout").read_text().splitlines()
    table: dict[str, Any] = json.loads(line)
    return table


def test_every_shipped_baseline_is_scored(output: dict[str, Any]) -> None:
    shipped = baselines.load()
    assert [row["name"] for row in output["baselines"]] == list(shipped)
    for row in output["baselines"]:
        assert (row["title"], row["family"]) == (shipped[row["name"]].title, shipped[row["name"]].family)
        assert row["error"] is None
        assert row["ms"] > 0


def test_pgr_is_a_share_of_the_reported_gap(output: dict[str, Any]) -> None:
    assert (output["task"], output["worlds"], output["sandbox"], output["parameters"]["dims"]) == (
        "chat",
        2,
        "strict",
        48,
    )
    weak, strong = output["weak_acc"]["mean"], output["strong_acc"]["mean"]
    assert 0.5 < weak < strong < 1
    assert output["weak_acc"]["se"] > 0
    for row in output["baselines"]:
        # The mean of ratios is close to the ratio of means.
        assert row["pgr"] == pytest.approx((row["transfer_acc"] - weak) / (strong - weak), abs=0.1)


def test_reference_lines_are_the_best_published_and_the_best(output: dict[str, Any]) -> None:
    rows = {row["name"]: row for row in output["baselines"]}
    assert {name for name, row in rows.items() if row["published"]} == set(baselines.PUBLISHED)
    published, library = output["references"]["published"], output["references"]["library"]
    assert published["pgr"] == max(rows[name]["pgr"] for name in baselines.PUBLISHED)
    assert library["pgr"] == max(row["pgr"] for row in rows.values())
    assert (published["hours"], library["hours"]) == (2.0 * 4, 2.0 * len(rows))


def test_csv_has_one_complete_line_per_baseline(output: dict[str, Any], folder: Path) -> None:
    with (folder / "table.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["name"] for line in lines] == [row["name"] for row in output["baselines"]]
    for line, row in zip(lines, output["baselines"], strict=True):
        assert (line["task"], line["worlds"]) == ("chat", "2")
        assert float(line["pgr"]) == row["pgr"]
        assert float(line["strong_acc"]) == output["strong_acc"]["mean"]


def test_all_faults_are_reported_at_once(aarlab: Aarlab) -> None:
    refused = aarlab("baselines", "chatt", "--worlds", "1", "--out", "nowhere/t.csv", "--set", "seed=4", "--json")
    assert refused.exit_code == 2
    faults = json.loads(refused.stdout)["faults"]
    assert [fault["where"] for fault in faults] == ["TASK", "--worlds 1", "--out nowhere/t.csv", "--set seed=4"]
    assert faults[0]["fix"] == "did you mean chat?"


def test_bad_input_leaves_an_existing_table_unchanged(aarlab: Aarlab, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("precious")
    assert aarlab("baselines", "chat", "--worlds", "1", "--out", "table.csv").exit_code == 2
    assert (tmp_path / "table.csv").read_text() == "precious"
    (tmp_path / "method.py").write_text("precious")
    assert aarlab("baselines", "chat", "--worlds", "2", "--out", "method.py").exit_code == 2
    assert (tmp_path / "method.py").read_text() == "precious"


def test_failed_baseline_is_shown_with_its_error(capsys: pytest.CaptureFixture[str], output: dict[str, Any]) -> None:
    no_scores = dict.fromkeys(("pgr", "se", "transfer_acc", "ms"))
    failed = {
        "name": "fragile",
        "title": "Break.",
        "family": "other",
        **no_scores,
        "error": "line 3: KeyError: 'x'\x1b[2J",
    }
    show_table({**output, "baselines": [*output["baselines"], failed]})
    page = capsys.readouterr().out
    assert "failed, see below" in page
    assert page.splitlines()[-1] == "fragile failed: line 3: KeyError: 'x'\N{REPLACEMENT CHARACTER}[2J"


@pytest.mark.long
def test_table_has_other_worlds_by_parameter_sorted_by_pgr(aarlab: Aarlab, output: dict[str, Any]) -> None:
    parameters = ("--set", "task.parameters.length_bias=0.7", "--out", "easy.csv")
    page = aarlab("baselines", "chat", "--worlds", "2", "--sandbox", "none", *parameters).stdout
    with Path("easy.csv").open(newline="") as file:
        scored = list(csv.DictReader(file))
    assert [line["name"] for line in scored] == [
        line["name"] for line in sorted(scored, key=lambda line: -float(line["pgr"]))
    ]
    lines = [line.split() for line in page.splitlines()]
    rows = {line[0]: line for line in lines if line and line[0] in baselines.load()}
    assert list(rows) == [line["name"] for line in scored]
    for line in scored:
        assert rows[line["name"]][1:4] == [f"{float(line['pgr']):.2f}", "±", f"{float(line['se']):.2f}"]
    assert max(map(len, page.splitlines())) <= 100
    assert float(scored[0]["weak_acc"]) > output["weak_acc"]["mean"]


@pytest.mark.long
def test_interrupted_command_prints_no_table(tmp_path: Path) -> None:
    options = ["chat", "--worlds", "400", "--json", "--out", "table.csv"]
    screen, terminal = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *options], cwd=tmp_path, stdout=subprocess.PIPE, stderr=terminal, text=True
    ) as running:
        os.close(terminal)
        output = read_until(screen, f"{len(baselines.load())} methods on 400".encode())
        running.send_signal(signal.SIGTERM)
        drained, _ = running.communicate(timeout=240)
        os.close(screen)
    assert running.returncode == 3, output
    assert json.loads(drained) == {"status": "stopped", "task": "chat"}
    assert list(tmp_path.iterdir()) == []


def read_until(screen: int, words: bytes) -> bytes:
    """Return the output on a terminal up to these bytes."""
    output, deadline = b"", time.monotonic() + 120
    while words not in output:
        assert time.monotonic() < deadline, output
        if select.select([screen], [], [], 1)[0]:
            output += os.read(screen, 1 << 16)
    return output
