"""`aarlab baselines`: the table of what has to be beaten, for people, scripts and spreadsheets."""

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
from click.testing import Result

from aarlab.cli.baselines_command import show_table
from aarlab.scenarios import baselines

Aarlab = Callable[..., Result]
COMMAND = [sys.executable, "-m", "aarlab", "baselines"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("baselines")


@pytest.fixture(scope="module")
def done(folder: Path) -> "subprocess.CompletedProcess[str]":
    """What the command says that writes a table and tells it as JSON."""
    options = ["chat", "--worlds", "2", "--sort", "name", "--json", "--out", "table.csv"]
    return subprocess.run([*COMMAND, *options], cwd=folder, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def told(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    table: dict[str, Any] = json.loads(line)
    return table


def test_every_shipped_baseline_is_scored(told: dict[str, Any]) -> None:
    shipped = baselines.load()
    assert [row["name"] for row in told["baselines"]] == list(shipped)
    for row in told["baselines"]:
        assert (row["title"], row["family"]) == (shipped[row["name"]].title, shipped[row["name"]].family)
        assert row["error"] is None
        assert row["ms"] > 0


def test_the_gap_is_told_and_pgr_is_measured_in_it(told: dict[str, Any]) -> None:
    assert (told["task"], told["worlds"], told["sandbox"], told["parameters"]["dims"]) == ("chat", 2, "strict", 40)
    weak, strong = told["weak_acc"]["mean"], told["strong_acc"]["mean"]
    assert 0.5 < weak < strong < 1
    assert told["weak_acc"]["se"] > 0
    for row in told["baselines"]:
        # A mean of ratios is not the ratio of the means, but not far from it either.
        assert row["pgr"] == pytest.approx((row["transfer_acc"] - weak) / (strong - weak), abs=0.1)


def test_where_there_is_no_terminal_nothing_is_drawn(done: "subprocess.CompletedProcess[str]") -> None:
    assert done.stderr == ""


def test_the_csv_has_a_line_for_each_baseline_and_stands_alone(told: dict[str, Any], folder: Path) -> None:
    with (folder / "table.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["name"] for line in lines] == [row["name"] for row in told["baselines"]]
    for line, row in zip(lines, told["baselines"], strict=True):
        assert (line["task"], line["worlds"]) == ("chat", "2")
        assert float(line["pgr"]) == row["pgr"]
        assert float(line["strong_acc"]) == told["strong_acc"]["mean"]


def test_all_that_is_wrong_is_said_at_once(aarlab: Aarlab) -> None:
    refused = aarlab("baselines", "chatt", "--worlds", "1", "--out", "nowhere/t.csv", "--set", "seed=4", "--json")
    assert refused.exit_code == 2
    faults = json.loads(refused.stdout)["faults"]
    assert [fault["where"] for fault in faults] == ["TASK", "--worlds 1", "--out nowhere/t.csv", "--set seed=4"]
    assert faults[0]["fix"] == "did you mean chat?"


def test_a_table_that_is_there_already_survives_a_refusal(aarlab: Aarlab, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("precious")
    assert aarlab("baselines", "chat", "--worlds", "1", "--out", "table.csv").exit_code == 2
    assert (tmp_path / "table.csv").read_text() == "precious"


def test_a_baseline_that_failed_is_shown_with_its_error(
    capsys: pytest.CaptureFixture[str], told: dict[str, Any]
) -> None:
    lost = dict.fromkeys(("pgr", "se", "transfer_acc", "ms"))
    failed = {"name": "fragile", "title": "Break.", "family": "other", **lost, "error": "line 3: KeyError: 'x'\x1b[2J"}
    show_table({**told, "baselines": [*told["baselines"], failed]})
    page = capsys.readouterr().out
    assert "failed, see below" in page
    assert page.splitlines()[-1] == "fragile failed: line 3: KeyError: 'x'\N{REPLACEMENT CHARACTER}[2J"


@pytest.mark.long
def test_a_person_reads_the_best_first_and_the_figures_are_the_same_again(aarlab: Aarlab, told: dict[str, Any]) -> None:
    page = aarlab("baselines", "chat", "--worlds", "2", "--sandbox", "none").stdout
    ranked = sorted(told["baselines"], key=lambda row: -row["pgr"])
    lines = [line.split() for line in page.splitlines()]
    rows = {line[0]: line for line in lines if line and line[0] in baselines.load()}
    assert list(rows) == [row["name"] for row in ranked]
    for row in ranked:
        assert rows[row["name"]][1:4] == [f"{row['pgr']:.2f}", "±", f"{row['se']:.2f}"]
    assert max(map(len, page.splitlines())) <= 100


@pytest.mark.long
def test_a_turned_knob_makes_other_worlds(aarlab: Aarlab, told: dict[str, Any]) -> None:
    parameters = ("--set", "task.parameters.length_bias=0.8")
    easy = json.loads(aarlab("baselines", "chat", "--worlds", "2", "--json", *parameters).stdout)
    assert easy["parameters"]["length_bias"] == 0.8
    assert easy["weak_acc"]["mean"] > told["weak_acc"]["mean"]


@pytest.mark.long
@pytest.mark.parametrize("wish", [signal.SIGINT, signal.SIGTERM])
def test_a_person_who_stops_it_gets_no_table(tmp_path: Path, wish: signal.Signals) -> None:
    options = ["chat", "--worlds", "400", "--json", "--out", "table.csv"]
    screen, terminal = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *options], cwd=tmp_path, stdout=subprocess.PIPE, stderr=terminal, text=True
    ) as running:
        os.close(terminal)
        drawn = read_until(screen, f"{len(baselines.load())} methods on 400".encode())
        running.send_signal(wish)
        drained, _ = running.communicate(timeout=30)
        os.close(screen)
    assert running.returncode == 3, drawn
    assert json.loads(drained) == {"status": "stopped", "task": "chat"}
    assert list(tmp_path.iterdir()) == []


def read_until(screen: int, words: bytes) -> bytes:
    """Return what was drawn on a terminal up to these words."""
    drawn, deadline = b"", time.monotonic() + 120
    while words not in drawn:
        assert time.monotonic() < deadline, drawn
        if select.select([screen], [], [], 1)[0]:
            drawn += os.read(screen, 1 << 16)
    return drawn
