"""Kill runs at random instants, resume them, and check that no event is lost, repeated or changed.

    PYTHONPATH=tests python tests/graph/kill_and_resume.py [KILLS] [SEED]

continues until there have been KILLS kills (default 50), half of them with base models behind a server.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_servers import ModelServer, SimulatedTeam
from team_runs import FAST_STRUCTURES, TINY, complete

_RUN_SCRIPT = """
import json, os, sys
from pathlib import Path
from aarlab.graph.run.resume import resume_run
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.scenario import Scenario

scenario, path, mode = Scenario.model_validate(json.loads(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
options = {"sandbox": mode, "threads": 1, "listeners": [lambda entry: print(entry.id, flush=True)]}
resume_run(path, **options) if path.exists() else run_scenario(scenario, path, **options)
"""
_ROW = "stream, ordinal, round, hours, kind"
_CACHE = "json_remove(data, '$.cache_read_tokens', '$.cache_written_tokens', '$.cost_usd')"


@dataclass(frozen=True)
class KilledRun:
    """The log of a run that was killed and resumed."""

    kills: int
    log: list[tuple[Any, ...]]
    """By stream, without the fields that depend on the cache of the server."""
    kinds: Counter[str]
    """Number of events of each kind."""


def instants(n_events: int, kills: int, draw: random.Random) -> list[tuple[int, float]]:
    """Draw increasing numbers of events after which a run is killed, each with a delay in seconds.

    They do not depend on the speed of the machine. The last fifth of the events are of the close.
    """
    return [(event, draw.uniform(0, 0.05)) for event in sorted(draw.sample(range(1, n_events * 4 // 5), kills))]


def run_with_kills(
    scenario_data: dict[str, Any], path: Path, mode: str, *, at: Sequence[tuple[int, float]] = ()
) -> KilledRun:
    """Execute a run, kill it at these instants, resume it after each, and return its log."""
    n_kills = 0
    for event, delay_s in (*at, (None, 0.0)):
        command = [sys.executable, "-c", _RUN_SCRIPT, json.dumps(scenario_data), str(path), mode]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            if event is not None and any(int(line) >= event for line in process.stdout):
                time.sleep(delay_s)
                process.send_signal(signal.SIGKILL)
            stderr = process.communicate()[1]
        n_kills += process.returncode == -signal.SIGKILL
        finished = process.returncode == 0 or "RunAlreadyFinished" in stderr
        assert finished if event is None else finished or process.returncode == -signal.SIGKILL, stderr
    return read_log(path, n_kills)


def read_log(path: Path, kills: int = 0) -> KilledRun:
    """Return the log of a finished run."""
    with closing(sqlite3.connect(path)) as connection:
        log = connection.execute(f"SELECT {_ROW}, {_CACHE} FROM events ORDER BY stream, ordinal").fetchall()
        kinds = Counter(kind for (kind,) in connection.execute("SELECT kind FROM events"))
    return KilledRun(kills, log, kinds)


def served_by(server: ModelServer, scenario_data: dict[str, Any]) -> dict[str, Any]:
    """Return a scenario in which the researchers use a model on the server."""
    team = {**scenario_data["team"], "model": "anthropic/claude-opus-5-5"}
    return {**scenario_data, "team": team, "live": {"base_urls": {"anthropic": server.url}}}


def main() -> None:
    """Kill and resume runs until there are enough kills, and print the results."""
    n_kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    draw, kills, runs = random.Random(seed), 0, 0
    os.environ["ANTHROPIC_API_KEY"] = ModelServer.key
    with tempfile.TemporaryDirectory() as folder, ModelServer(SimulatedTeam(TINY["seed"])) as server:
        while kills < n_kills:
            dials = FAST_STRUCTURES[runs % len(FAST_STRUCTURES)]
            scenario_data = {**TINY, "structure": complete(dials)}
            live = runs % 2 == 1 and dials["directions"] != "pool"
            scenario_data = served_by(server, scenario_data) if live else scenario_data
            whole = run_with_kills(scenario_data, Path(folder) / f"{runs}-uninterrupted.db", "none")
            next_kills = min(n_kills - kills, draw.randint(3, 7))
            at = instants(len(whole.log), next_kills, draw)
            killed = run_with_kills(scenario_data, Path(folder) / f"{runs}.db", "none", at=at)
            runs, kills = runs + 1, kills + killed.kills
            result = "same log" if killed.log == whole.log else "DIFFERENT LOG"
            where = "server" if live else "embedded"
            print(f"{where:9} {'-'.join(dials.values())}: {killed.kills} kills, {result}", flush=True)
            assert killed.log == whole.log
            assert killed.kinds == whole.kinds
    print(f"{kills} kills, {runs} runs")


if __name__ == "__main__":
    main()
