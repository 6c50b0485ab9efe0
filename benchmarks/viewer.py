"""Measure the viewer: a large run (first view, slider, memory, conversation), 1,000 runs, a live run, the search.

    python benchmarks/viewer.py [--calls 100000] [--findings 5000]

It needs Chromium and the extras `view` and `dev`. Times are wall-clock; run it on an idle machine.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from aarlab.graph.scenario import Scenario
from aarlab.memory.events import (
    TEAM,
    AgentSetup,
    Edge,
    Event,
    Experiment,
    Finding,
    ModelCall,
    Prompted,
    Published,
    RoundStarted,
)
from aarlab.memory.messages import Message, Text, user_message
from aarlab.memory.run_writer import RunWriter
from aarlab.view.viewed_folder import ViewedFolder

RESEARCHERS, ROUNDS, ROUND_HOURS = 20, 25, 2.0
EVENTS_PER_S, LIVE_S = 200, 20.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def begin_large_run(path: Path, calls: int, findings: int) -> RunWriter:
    """Write a run with this many model calls and findings, and twice as many experiments; return it open."""
    team = {"researchers": RESEARCHERS}
    budget = {"hours": ROUNDS * ROUND_HOURS, "round_hours": ROUND_HOURS}
    scenario = Scenario.model_validate({"seed": 1, "team": team, "budget": budget})
    file = RunWriter.create(path, run_id=path.stem, version="0", seed=1, scenario=scenario.model_dump(mode="json"))
    code = file.store_text("def method(inputs):\n    return inputs.weak_labels\n")
    with file.atomic():
        for agent in scenario.team.names:
            file.append(agent, AgentSetup("researcher", "m/large", "", "", None), round=0, hours=0.0)
        for round_ in range(1, ROUNDS + 1):
            _write_round(file, round_, list(scenario.team.names), calls // ROUNDS, findings // ROUNDS, code)
    return file


def _write_round(file: RunWriter, round_: int, agents: list[str], calls: int, findings: int, code: str) -> None:
    start, end = (round_ - 1) * ROUND_HOURS, round_ * ROUND_HOURS
    file.append(TEAM, RoundStarted(end), round=round_, hours=end)
    for number in range(calls):
        agent, hours = agents[number % len(agents)], start + ROUND_HOURS * number / calls
        prompt = file.store_message(user_message(f"message {round_} {number} " + "with a text of some length " * 8))
        reply = file.store_message(Message("assistant", (Text(f"reply {round_} {number} " + "that says why " * 12),)))
        file.append(agent, Prompted("researcher", prompt), round=round_, hours=hours)
        call = ModelCall("researcher", "m/large", "", reply, "end_turn", 1000, 100, 0.001, 0.01)
        file.append(agent, call, round=round_, hours=hours)
    for number in range(findings):
        _write_finding(
            file, round_, number, agents[number % len(agents)], start + ROUND_HOURS * number / findings, code
        )


def _write_finding(file: RunWriter, round_: int, number: int, agent: str, hours: float, code: str) -> None:
    pgr = round((number * 37 % 100) / 140 + round_ / 100, 3)
    name = f"{agent}.f{round_}-{number}"
    for fidelity in ("pilot", "full"):
        event = Experiment(f"{agent}.{fidelity}{round_}-{number}", "m.py", code, fidelity, None, pgr, 0.03, [])
        file.append(agent, event, round=round_, hours=hours)
    body = "The method helps because the weak labels are noisy. " * 8
    experiment = f"{agent}.full{round_}-{number}"
    finding = Finding(
        name, agent, "result", f"idea {number}", body, f"family {number % 8}", experiment, code, "full", pgr, 0.03
    )
    file.append(agent, finding, round=round_, hours=hours)
    if round_ > 1:
        parent = f"{agent}.f{round_ - 1}-{number}"
        file.append(agent, Edge("refines", name, parent, ""), round=round_, hours=hours)
    file.append(TEAM, Published(name), round=round_, hours=round_ * ROUND_HOURS)


def serve(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start the server as `aarlab view` does, and return its process with the link."""
    command = [sys.executable, "-m", "aarlab", "view", str(folder), "--no-open", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def measure_run(page: Page, name: str) -> dict[str, float]:
    """Return the times of the page of a run, in seconds."""
    start = time.perf_counter()
    page.evaluate("name => { location.hash = `#/run?file=${name}` }", name)
    page.locator(".post").first.wait_for()
    first_view = time.perf_counter() - start
    page.wait_for_timeout(3000)
    script = """async () => {
      const range = document.querySelector('.slider input');
      const times = [];
      for (let i = 1; i <= 40; i++) {
        range.value = range.max * (0.2 + i / 100);
        const start = performance.now();
        range.dispatchEvent(new Event('input'));
        document.body.offsetHeight;
        times.push(performance.now() - start);
        await new Promise(requestAnimationFrame);
      }
      return times.slice(1).sort((a, b) => a - b);
    }"""
    steps = page.evaluate(script)
    heap = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    start = time.perf_counter()
    page.evaluate("name => { location.hash = `#/conversation?file=${name}&agent=r3` }", name)
    page.locator(".turn").first.wait_for()
    conversation = time.perf_counter() - start
    return {
        "first_view_s": first_view, "slider_step_median_ms": steps[len(steps) // 2], "slider_step_max_ms": steps[-1],
        "page_heap_mb": heap, "conversation_s": conversation,
    }  # fmt: skip


def measure_live(page: Page, folder: Path) -> dict[str, float]:
    """Return how far the page of a run is behind, in seconds, while 200 events a second are written."""
    lag: list[float] = []
    with begin_large_run(folder / "live.db", 4_000, 400) as file:
        code = file.store_text("def method(inputs):\n    return inputs.weak_labels\n")
        page.evaluate("location.hash = '#/run?file=live.db'")
        page.locator(".post").first.wait_for()
        page.wait_for_timeout(1000)
        start, written = time.perf_counter(), 0
        while (now := time.perf_counter() - start) < LIVE_S:
            while written < EVENTS_PER_S * now:
                _write_live_event(file, written, code)
                written += 1
            time.sleep(0.05)
            script = "all => Math.max(0, ...all.map(one => Number(one.dataset.id.slice(5))))"
            shown = page.locator(".lane-marks [data-id^='live-']").evaluate_all(script)
            lag.append((written - shown) / EVENTS_PER_S)
    return {"live_events": written, "live_lag_median_s": sorted(lag)[len(lag) // 2], "live_lag_max_s": max(lag)}


def _write_live_event(file: RunWriter, number: int, code: str) -> None:
    """Write an event: one in ten is an experiment, the others are messages and replies."""
    agent, hours = f"r{number % RESEARCHERS + 1}", ROUNDS * ROUND_HOURS
    if number % 10 == 0:
        event: Event = Experiment(f"live-{number}", "m.py", code, "pilot", None, 0.5, 0.03, [])
    elif number % 2:
        event = Prompted("researcher", file.store_message(user_message(f"live message {number} " + "with text " * 20)))
    else:
        reply = file.store_message(Message("assistant", (Text(f"live reply {number} " + "that says why " * 12),)))
        event = ModelCall("researcher", "m/large", "", reply, "end_turn", 1000, 100, 0.001, 0.01)
    file.append(agent, event, round=ROUNDS, hours=hours)


def measure_search(page: Page) -> dict[str, float]:
    """Return the time of a search in the large run for a text that a few messages have."""
    start = time.perf_counter()
    page.evaluate("location.hash = '#/search?text=reply 25 33'")
    page.locator(".count", has_text=" runs.").wait_for()
    return {"search_s": time.perf_counter() - start, "search_matches": page.locator(".matches li").count()}


def resident_mb(process: int) -> float:
    """Return the memory of a process in megabytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1000


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--findings", type=int, default=5_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = Path(scratch)
        begin_large_run(folder / "large.db", options.calls, options.findings).close()
        begin_large_run(folder / "small.db", 100, 50).close()
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--enable-precise-memory-info"]
        )
        server, link = serve(folder)
        page = browser.new_page()
        page.goto(link)
        page.locator("table.runs").wait_for()
        figures = measure_run(page, "large.db")
        figures |= {"server_mb": resident_mb(server.pid)} | measure_search(page) | measure_live(page, folder)
        for number in range(997):
            os.link(folder / "small.db", folder / f"run-{number}.db")
        viewed, start = ViewedFolder(folder), time.perf_counter()
        viewed.contents(newest=100)
        figures |= {"listing_newest_100_s": time.perf_counter() - start}
        listed = len(viewed.contents()["runs"])
        figures |= {"runs": listed, "listing_s": time.perf_counter() - start}
        server.send_signal(signal.SIGINT)
        server.wait()
        browser.close()
        print(json.dumps({name: round(value, 3) for name, value in figures.items()}, indent=1))


if __name__ == "__main__":
    main()
