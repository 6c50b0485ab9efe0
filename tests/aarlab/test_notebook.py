"""Runs in notebooks and in programs with an event loop, and the reader of a run file."""

import asyncio
import base64
import doctest
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from model_servers import ModelServer
from synthetic_runs import results

import aarlab
from aarlab.agents.models.base import Reply, Request
from aarlab.event_loop import blocking
from aarlab.memory.messages import Message, Text, Usage

TINY = [
    "budget.hours=4", "budget.round_hours=2", "team.researchers=2", "scoring.full_worlds=2", "scoring.final_worlds=2",
    "scoring.finalists=1", "scoring.heldout_worlds=2", "scoring.shifted_worlds=2", "scoring.transfer_worlds=0",
]  # fmt: skip
PAGE = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.fixture(scope="session")
def run_file(made_once: Callable[..., Path]) -> Path:
    """Return the file of a small finished run."""
    folder = made_once("api-run", lambda folder: aarlab.run(settings=TINY, out=folder) and None)
    (path,) = folder.glob("*.db")
    return path


def test_functions_work_inside_a_running_event_loop(run_file: Path, tmp_path: Path) -> None:
    async def cell() -> tuple[Any, ...]:
        summary = aarlab.run(settings=TINY, out=tmp_path)
        fork = aarlab.fork(run_file, 2, out=tmp_path)
        return summary["digest"], aarlab.replay(run_file).digest, fork["digest"]

    with aarlab.open_run(run_file) as recording:
        digest = recording.digest()
    assert asyncio.run(cell()) == (digest, digest, digest)


def test_async_forms_leave_the_event_loop_free(run_file: Path, tmp_path: Path) -> None:
    async def ticks(stop: asyncio.Event) -> int:
        count = 0
        while not stop.is_set():
            await asyncio.sleep(0.005)
            count += 1
        return count

    async def program() -> tuple[int, list[str]]:
        stop = asyncio.Event()
        counting = asyncio.create_task(ticks(stop))
        results = await asyncio.gather(aarlab.areplay(run_file), aarlab.afork(run_file, 2, out=tmp_path))
        stop.set()
        return await counting, [results[0].digest, results[1]["digest"]]

    count, digests = asyncio.run(program())
    assert count > 3
    assert len(set(digests)) == 1


def test_a_cancelled_run_stops_and_can_be_resumed(run_file: Path, tmp_path: Path) -> None:
    async def program() -> dict[str, Any]:
        task = asyncio.create_task(aarlab.arun(settings=TINY, out=tmp_path))
        while not list(tmp_path.glob("*.db")):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with aarlab.open_run(tmp_path) as recording:
            assert recording.info().status == "stopped"
            assert recording.summary is None
        return await aarlab.aresume(tmp_path)

    with aarlab.open_run(run_file) as recording:
        assert asyncio.run(program())["digest"] == recording.digest()


def test_a_run_that_waits_for_a_model_is_cancelled_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, released = threading.Event(), threading.Event()

    def hang(request: Request) -> Reply:
        asked.set()
        released.wait()
        return Reply(Message("assistant", (Text("late"),)), "end_turn", Usage(), "", None)

    async def program(server: ModelServer) -> str:
        live = [
            "team.model=anthropic/m",
            f"live.base_urls={{anthropic: {server.url}}}",
            "live.reply_timeout_minutes=60",
        ]
        task = asyncio.create_task(aarlab.arun(settings=[*TINY, *live], out=tmp_path, progress=False))
        await asyncio.to_thread(asked.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with aarlab.open_run(tmp_path) as recording:
            return str(recording.info().status)

    monkeypatch.setenv("ANTHROPIC_API_KEY", ModelServer.key)
    with ModelServer(hang) as server:
        try:
            assert asyncio.run(asyncio.wait_for(program(server), 120)) == "stopped"
        finally:
            released.set()


def test_an_interrupt_stops_a_run_whichever_thread_receives_it() -> None:
    def execute(listener: Callable[[Any], None]) -> str:
        time.sleep(0.2)  # now the main thread waits
        # The system may deliver a signal of the process to any thread. Python handles it in the main thread.
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            listener(None)
            time.sleep(0.01)
        return "not stopped"

    async def cell() -> str:
        return blocking(execute)

    # `asyncio.run` would handle the signal itself, unlike a notebook.
    with closing(asyncio.new_event_loop()) as loop, pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(cell())


def test_errors_of_a_run_are_raised_inside_a_loop(run_file: Path) -> None:
    from aarlab.memory.run_file_errors import RunAlreadyFinished

    async def cell() -> None:
        aarlab.resume(run_file)

    with pytest.raises(RunAlreadyFinished):
        asyncio.run(cell())


def test_reader_agrees_with_the_summary(run_file: Path) -> None:
    with aarlab.open_run(run_file) as recording:
        summary = recording.summary
        assert summary is not None
        findings, experiments = recording.findings, recording.experiments
        assert len([finding for finding in findings if finding["author"] in ("r1", "r2")]) == summary["findings"]
        assert len(experiments) == summary["experiments"]
        assert summary["best"]["finding"] in recording.lineage
        assert len(recording.frame("findings")) == len(findings)
        assert list(recording.frame("experiments")["hours"]) == sorted(one["hours"] for one in experiments)
        both = [recording.conversation("r1", round) for round in (1, 2)]
        assert [turn for turns in both for turn in turns] == [t for t in recording.conversation("r1") if t.round]
        assert "The team reached" in (summary._repr_html_() or "")
        assert "The team reached" in framed_page(recording._repr_html_())


def test_unknown_names_are_refused_with_the_known_ones(run_file: Path) -> None:
    with aarlab.open_run(run_file) as recording:
        with pytest.raises(ValueError, match=r"no agent 'r9'. Known: .*r1, r2"):
            recording.conversation("r9")
        with pytest.raises(ValueError, match=r"no kind of event 'finding'; did you mean findings\?"):
            recording.frame("finding")


def test_missing_pandas_is_named_with_its_install_command(run_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with aarlab.open_run(run_file) as recording, pytest.raises(ImportError, match=r"pip install 'aarlab\[pandas\]'"):
        recording.frame("findings")


@pytest.mark.long
def test_examples_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text().replace("```python\n", "").replace("```", "")
    example = doctest.DocTestParser().get_doctest(text, {}, "docs/api.md", str(PAGE), 0)
    result = doctest.DocTestRunner().run(example)
    assert (result.attempted > 10, result.failed) == (True, 0)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return the client of a real Jupyter kernel in an empty folder."""
    manager_module = pytest.importorskip("jupyter_client.manager")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    manager = manager_module.KernelManager(kernel_name="python3")
    manager.kernel_spec.argv[0] = sys.executable
    manager.start_kernel(cwd=str(tmp_path), stderr=subprocess.DEVNULL, env=dict(os.environ))
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=240)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def outputs(kernel: Any, code: str) -> list[dict[str, Any]]:
    """Return the messages that a cell publishes."""
    published: list[dict[str, Any]] = []
    kernel.execute_interactive(code, timeout=240, output_hook=published.append)
    errors = [message["content"]["traceback"] for message in published if message["msg_type"] == "error"]
    assert not errors, "\n".join(errors[0])
    return published


def framed_page(html: str) -> str:
    """Return the page in a frame of a notebook."""
    found = re.fullmatch(
        r'<iframe src="data:text/html;charset=utf-8;base64,([^"]+)" sandbox="allow-scripts" [^<]*></iframe>', html
    )
    assert found, html[:200]
    return base64.b64decode(found[1]).decode()


def test_an_ablation_shows_its_report_or_what_is_missing() -> None:
    given = results(seeds=2)
    page = framed_page(given._repr_html_())
    assert "<h1>Does structure help?</h1>" in page
    assert "<script" not in page
    none = replace(given, records=tuple(replace(record, status="missing") for record in given.records))
    assert none._repr_html_() == "synthetic: 8 missing"


@pytest.mark.long
def test_a_jupyter_kernel_runs_shows_reads_and_interrupts_a_run(kernel: Any, tmp_path: Path) -> None:
    published = outputs(kernel, f"import aarlab\nsummary = aarlab.run(settings={TINY})\nsummary")
    kinds = [message["msg_type"] for message in published]
    shown = [message["content"]["data"].get("text/html", "") for message in published if "data" in message["content"]]
    assert "display_data" in kinds
    assert "update_display_data" in kinds
    assert "round 2 of 2" in shown[-2]
    assert "The team reached" in shown[-1]
    code = (
        "again = aarlab.replay()\nforked = await aarlab.afork('runs', 2, progress=False)\nrecording = aarlab.open_run()"
    )
    assert not [m for m in outputs(kernel, code) if "data" in m["content"]]
    compared = outputs(
        kernel, "print(again.digest == forked['digest'] == recording.digest(), len(recording.frame('findings')) > 0)"
    )
    assert "".join(m["content"]["text"] for m in compared if m["msg_type"] == "stream") == "True True\n"
    (shown_run,) = [m["content"]["data"] for m in outputs(kernel, "recording") if "data" in m["content"]]
    assert "The team reached" in framed_page(shown_run["text/html"])
    # Long enough that it is still running when the interrupt arrives.
    longer = ["budget.hours=12", *TINY[1:]]
    interrupted = interrupted_cell(kernel, f"aarlab.run(settings={longer}, out='stopped')", tmp_path / "stopped")
    assert interrupted.get("ename") == "KeyboardInterrupt", interrupted
    code = """
print(aarlab.open_run("stopped").info().status, end=" ")
resumed = aarlab.resume("stopped", progress=False)
print(resumed["status"], resumed["digest"] == aarlab.replay("stopped").digest)
"""
    texts = [m["content"]["text"] for m in outputs(kernel, code) if m["msg_type"] == "stream"]
    assert "".join(texts) == "stopped done True\n"


def interrupted_cell(kernel: Any, code: str, folder: Path) -> dict[str, Any]:
    """Interrupt the kernel as soon as a run has recorded events in a folder, and return the error of the cell."""
    # Otherwise the kernel aborts a cell that is sent just after the error.
    request = kernel.execute(code, stop_on_error=False)
    deadline = time.monotonic() + 60
    while not any(n_events(path) > 20 for path in folder.glob("*.db")):
        assert time.monotonic() < deadline, "no run has begun"
        time.sleep(0.02)
    kernel.parent.interrupt_kernel()
    while True:
        reply: dict[str, Any] = kernel.get_shell_msg(timeout=240)
        if reply["parent_header"].get("msg_id") == request:
            return dict(reply["content"])


def n_events(path: Path) -> int:
    """Return the number of recorded events; 0 if the file cannot be read yet."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])
    return 0
