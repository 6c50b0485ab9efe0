"""Inspect reads and shows exported runs."""

import json
import math
import os
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Browser
from click.testing import Result

from aarlab.memory.events import LAB, TEAM, Evaluation, FailedModelCall, Finding, ModelCall, ToolExecution
from aarlab.memory.run_reader import RunReader

Aarlab = Callable[..., Result]
ALL_ROLES = (
    "structure.review=gate", "structure.directions_source=model", "structure.oversight=checkpoint",
    "structure.checkpoint_rounds=1", "structure.sharing=query", "costs.full=0.5",
)  # fmt: skip


@pytest.fixture(scope="session")
def nine(made_once: Callable[..., Path], tiny: list[str]) -> Path:
    """A run of nine researchers with all other roles."""
    from click.testing import CliRunner

    from aarlab.cli.main import main

    def make(folder: Path) -> None:
        changes = {"team.researchers=2": "team.researchers=9", "budget.hours=6": "budget.hours=4"}
        settings = [changes.get(setting, setting) for setting in tiny]
        settings += [part for setting in ALL_ROLES for part in ("--set", setting)]
        done = CliRunner().invoke(main, ["run", "--json", "--seed", "7", "--out", str(folder), *settings])
        assert done.exit_code == 0, done.output

    return next(made_once("nine", make).glob("*.db"))


@pytest.mark.long
@pytest.mark.filterwarnings("default")
def test_inspect_reads_all_spans_and_events_of_a_run(aarlab: Aarlab, nine: Path) -> None:
    log_module = pytest.importorskip("inspect_ai.log")
    timeline_build = pytest.importorskip("inspect_ai.event").timeline_build
    done = aarlab("export", str(nine), "--format", "inspect", "--json")
    assert done.exit_code == 0, done.output
    log = log_module.read_eval_log(json.loads(done.stdout)["file"], resolve_attachments=True)
    (sample,) = log.samples
    with RunReader.open(nine) as file:
        info, entries = file.info(), list(file.entries())

    assert (log.status, sample.id, sample.metadata["digest"]) == ("success", info.run_id, info.summary["digest"])
    assert {score.name: score.metrics["value"].value for score in log.results.scores}["heldout_pgr"] == (
        info.summary["heldout"]["pgr"]
    )
    for name, reference in info.summary["references"].items():
        assert sample.scores[f"reference_pgr_{name}"].value == reference["pgr"]

    # Every agent has its own span inside the span of the team.
    root = timeline_build(sample.events).root
    lanes = {node.name for node in root.content if hasattr(node, "content")}
    assert root.id == TEAM
    assert lanes >= {*(f"r{number}" for number in range(1, 10)), "reviewer", "overseer", "lead", "librarian", LAB}
    assert all(event.span_id in {*lanes, TEAM, "solvers"} for event in sample.events)

    # The lab's posts are in its span, with their code.
    posts = [e.data for e in sample.events if (e.span_id, e.event) == (LAB, "info") and e.source == Finding.kind]
    posted = [entry.event for entry in entries if entry.stream == LAB and isinstance(entry.event, Finding)]
    assert [post["title"] for post in posts] == [finding.title for finding in posted] != []
    assert all("def method" in post["code"] for post in posts)

    # Inspect orders events by their start, so that the effects of a tool come after the tool event.
    kinds = [event.event for event in sorted(sample.events, key=lambda e: e.timestamp) if event.span_id == "r1"]
    assert [kind for kind in kinds if kind in ("model", "tool")] == [
        e.event for e in sample.events if e.span_id == "r1" and e.event in ("model", "tool")
    ]
    assert all(e.timestamp <= e.completed for e in sample.events if e.event in ("model", "tool"))
    assert kinds.index("score") > kinds.index("tool")

    # The events of each span are those of the run file.
    events_by_kind: dict[str, list[Any]] = defaultdict(list)
    for event in sample.events:
        events_by_kind[event.event].append(event)
    model_calls = [entry for entry in entries if isinstance(entry.event, ModelCall | FailedModelCall)]
    tool_calls = [entry for entry in entries if isinstance(entry.event, ToolExecution)]
    assert [(e.span_id, e.role, e.metadata["round"]) for e in events_by_kind["model"]] == [
        (e.stream if e.event.role == "researcher" else e.event.role, e.event.role, e.round) for e in model_calls
    ]
    assert [(e.span_id, e.id, e.function) for e in events_by_kind["tool"]] == [
        (e.stream, e.event.tool_call_id, e.event.tool) for e in tool_calls
    ]
    assert all("def method" in event.data["code"] for event in events_by_kind["info"] if event.data.get("code"))
    scored = [e.event.pgr for e in entries if isinstance(e.event, Evaluation) and e.event.pgr is not None]
    assert [event.score.value for event in events_by_kind["score"]] == scored

    # Usage and cost are those of the run file.
    calls = [entry.event for entry in model_calls]
    for usages in (log.stats.model_usage, log.stats.role_usage):
        assert sum(usage.total_tokens for usage in usages.values()) == sum(
            call.input_tokens + call.output_tokens for call in calls
        )
        total = sum(usage.total_cost for usage in usages.values())
        assert math.isclose(total, sum(call.cost_usd or 0.0 for call in calls), abs_tol=1e-9)


@pytest.mark.long
@pytest.mark.filterwarnings("default")
def test_a_run_ended_by_a_limit_has_the_limit_and_no_main_score(aarlab: Aarlab, tiny: list[str]) -> None:
    log_module = pytest.importorskip("inspect_ai.log")
    stopped = aarlab("run", "--json", "--seed", "7", *tiny, "--set", "budget.calls=3")
    assert stopped.exit_code == 3, stopped.output
    done = aarlab("export", json.loads(stopped.stdout)["file"], "--format", "inspect", "--json")
    log = log_module.read_eval_log(json.loads(done.stdout)["file"])
    assert log.status == "cancelled"
    limit = log.samples[0].limit
    assert (limit.type, limit.limit) == ("turn", 3)
    assert "budget.calls is 3" in limit.reason
    assert "heldout_pgr" not in log.samples[0].scores
    first = log.results.scores[0]
    assert (first.name, first.unscored_samples, first.metrics) == ("heldout_pgr", 1, {})


@pytest.fixture
def inspect_view(tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    """Start Inspect's viewer on a folder of logs and return its address."""
    started: list[subprocess.Popen[bytes]] = []

    def inspect_view(logs: Path) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = ("--log-dir", str(logs), "--host", "127.0.0.1", "--port", str(port))
        home = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
        with (tmp_path / "view.log").open("wb") as log:
            command = [sys.executable, "-m", "inspect_ai", "view", "start", *options]
            started.append(subprocess.Popen(command, env=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        end = time.monotonic() + 240
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return f"http://127.0.0.1:{port}"
            except OSError:
                assert started[-1].poll() is None, (tmp_path / "view.log").read_text()
                assert time.monotonic() < end, "the viewer does not respond"
                time.sleep(0.1)

    yield inspect_view
    for process in started:
        process.terminate()
        process.wait()


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_inspect_viewer_shows_all_spans_and_messages(
    aarlab: Aarlab, nine: Path, inspect_view: Callable[[Path], str], tmp_path: Path
) -> None:
    pytest.importorskip("inspect_ai")
    logs = tmp_path / "logs"
    logs.mkdir()
    assert aarlab("export", str(nine), "--format", "inspect", "--out", str(logs / "nine.eval")).exit_code == 0
    with RunReader.open(nine) as file:
        first = next(entry for entry in file.entries(ModelCall, stream="r7"))
        heldout = file.info().summary["heldout"]["pgr"]
    lanes = {*(f"r{number}" for number in range(1, 10)), "reviewer", "overseer", "lead", "librarian"}
    page = f"{inspect_view(logs)}/#/logs/nine.eval"
    with Browser(tmp_path / "profile") as browser:
        sample = browser.text(page, lambda text: lanes <= set(text.split()))
        call = browser.text(
            f"{page}/samples/transcript?event=r7.{first.ordinal}",
            lambda text: "You are r7, one of 9 researchers" in text,
        )
    assert lanes <= set(sample.split()), sample
    assert f"heldout_pgr\n{heldout:.4g}" in sample
    assert "You are r7, one of 9 researchers in a team." in call, call
