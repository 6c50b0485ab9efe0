"""Worker processes on this machine execute several runs, and recover when a process is killed."""

import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aarlab.ablation.local_workers import LocalWorkerPool
from aarlab.ablation.run_task import RunProgress, RunTask
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.scenario import Scenario

SMALLEST = (
    "team.researchers=2", "scoring.full_worlds=2", "scoring.final_worlds=2",
    "scoring.heldout_worlds=2", "scoring.screening_worlds=2", "structure.opening=none",
)  # fmt: skip

LONGER = 6
"""Hours of a run that is still in progress when a signal arrives after its first round."""

Execute = Callable[..., RunProgress]


@pytest.fixture
def pool() -> Iterator[LocalWorkerPool]:
    with closing(LocalWorkerPool(1)) as pool:
        yield pool


@pytest.fixture
def execute(tmp_path: Path) -> Execute:
    """A function that executes a run and returns the last message about it."""

    def execute(pool: LocalWorkerPool, seed: int, hours: int = 2) -> RunProgress:
        pool.submit(_task(tmp_path, seed, hours))
        while True:
            for progress in pool.poll(1.0):
                if progress.kind != "progress":
                    return progress

    return execute


@pytest.mark.long
def test_runs_are_the_same_whatever_is_killed(
    pool: LocalWorkerPool, execute: Execute, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    others = _descendants(os.getpid())  # such as the sandbox of earlier tests
    with caplog.at_level("INFO"):
        execute(pool, 1)
    assert "run1: r1: simulated/researcher replied in " in caplog.text
    processes = _descendants(os.getpid(), without=others)
    uninterrupted = _digest(execute(pool, 2, hours=LONGER))
    assert _descendants(os.getpid(), without=others) == processes, "a worker keeps its sandbox"
    os.kill(processes[-1], signal.SIGKILL)
    assert _digest(execute(pool, 2, hours=LONGER)) == uninterrupted, "after its sandbox was killed"
    os.kill(processes[0], signal.SIGKILL)
    os.waitid(os.P_PID, processes[0], os.WEXITED | os.WNOWAIT)

    # A new worker takes the place of the idle one, and is killed in the middle of the run.
    pool.submit(_task(tmp_path, 2, LONGER))
    while not any(progress.share for progress in pool.poll(1.0)):
        pass
    processes = _descendants(os.getpid(), without=others)
    os.kill(processes[0], signal.SIGKILL)
    # Progress that was sent before the signal can arrive first.
    while not (ended := [progress for progress in pool.poll(1.0) if progress.kind != "progress"]):
        pass
    assert [progress.kind for progress in ended] == ["failed"]
    assert _gone(processes)
    assert _digest(execute(pool, 2, hours=LONGER)) == uninterrupted, "resumed by the first run of the next worker"


def _scenario(seed: int, hours: int) -> Scenario:
    return load_scenario("small", [*SMALLEST, f"seed={seed}", f"budget.hours={hours}"])


def _task(folder: Path, seed: int, hours: int = 2) -> RunTask:
    scenario = _scenario(seed, hours).model_dump(mode="json")
    n_finished = len(list(folder.glob("done*")))
    return RunTask(
        f"run{seed}", scenario, str(folder / f"{seed}-{hours}.db"), str(folder / f"done{n_finished}.db"), "strict"
    )


def _digest(progress: RunProgress) -> str:
    assert progress.summary is not None, progress.error
    return str(progress.summary["digest"])


def _descendants(process: int, without: Collection[int] = ()) -> list[int]:
    """Return the ids of all descendants of a process, parents before children, without some."""
    try:
        children = [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except FileNotFoundError:
        return []
    found = [*children, *(descendant for child in children for descendant in _descendants(child))]
    return [descendant for descendant in found if descendant not in without]


def _gone(processes: list[int], timeout_s: float = 120) -> bool:
    """Wait until processes have ended. Return False after a timeout."""
    deadline = time.monotonic() + timeout_s
    while any(Path(f"/proc/{process}").exists() for process in processes) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(Path(f"/proc/{process}").exists() for process in processes)
